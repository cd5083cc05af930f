/** The button that everything hangs on, with the number of the unread. */

import { drawing, h } from "./elements.ts";
import { BELL } from "./icons.ts";
import type { Strings } from "./strings.ts";

/** The number as it is shown. */
export const short = (count: number): string => (count > 99 ? "99+" : String(count));

export interface Bell {
  readonly element: HTMLButtonElement;
  show(unread: number): void;
  ring(): void;
}

export function bell(options: { strings: Strings; pressed: () => void }): Bell {
  const { strings, pressed } = options;
  const badge = h("span", { class: "badge", part: "badge", hidden: true, "aria-hidden": "true" });
  const element = h(
    "button",
    {
      type: "button",
      class: "bell",
      part: "bell",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      "aria-controls": "panel",
      "aria-label": strings.bell(0, ""),
      onclick: pressed,
      onanimationend: () => element.classList.remove("rings"),
    },
    drawing(BELL),
    badge,
  );
  return {
    element,
    show(unread) {
      badge.textContent = short(unread);
      badge.classList.toggle("wide", unread > 99);
      badge.hidden = !unread;
      element.setAttribute("aria-label", strings.bell(unread, short(unread)));
    },
    ring: () => element.classList.add("rings"),
  };
}
