/** The button that everything hangs on, with the number of the unread. */

import { drawing, h } from "./elements.ts";
import { BELL } from "./icons.ts";
import { type Strings, short } from "./strings.ts";

export interface Bell {
  readonly element: HTMLButtonElement;
  show(unread: number): void;
  /** Says beside the number what is the matter; nothing for an empty text. */
  tell(trouble: string): void;
  ring(): void;
}

export const bell = (options: {
  strings: Strings;
  /** A press is near: the pointer or the focus is on it. */
  near: () => void;
  pressed: () => void;
}): Bell => {
  const { strings, near, pressed } = options;
  const badge = h("span", { class: "badge", part: "badge", hidden: true, "aria-hidden": "true" });
  let count = 0;
  let told = "";
  const name = (): void => {
    const label = strings.bell(count, short(count));
    element.setAttribute("aria-label", told ? `${label}. ${told}` : label);
  };
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
      onpointerenter: near,
      onfocus: near,
      onclick: pressed,
      onanimationend: () => element.classList.remove("rings"),
    },
    drawing(BELL),
    badge,
  );
  return {
    element,
    show(unread) {
      count = unread;
      badge.textContent = short(unread);
      badge.classList.toggle("wide", unread > 99);
      badge.hidden = !unread;
      name();
    },
    tell(trouble) {
      told = element.title = trouble;
      element.classList.toggle("away", !!trouble);
      name();
    },
    ring: () => element.classList.add("rings"),
  };
};
