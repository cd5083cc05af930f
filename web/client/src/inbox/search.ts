/** Where one says what is looked for among what is loaded. */

import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

export interface Search {
  readonly element: HTMLElement;
  /** What is looked for; an empty text for nothing. */
  readonly text: string;
  /** Shows it, with the focus in it, or hides it again. */
  toggle(): void;
}

/** `lens` is the button that it is opened by. */
export function search(t: Strings, lens: HTMLElement, changed: () => void): Search {
  const element = h("input", {
    type: "search",
    class: "search",
    placeholder: t.search,
    "aria-label": t.search,
    hidden: true,
    oninput: changed,
    onkeydown(event: KeyboardEvent): void {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      toggle();
      lens.focus();
    },
  });
  const toggle = (): void => {
    element.hidden = !element.hidden;
    element.value = "";
    lens.setAttribute("aria-expanded", String(!element.hidden));
    if (!element.hidden) element.focus();
    changed();
  };
  return {
    element,
    get text() {
      return element.value.trim().toLowerCase();
    },
    toggle,
  };
}
