/** What was changed last, and the button that has it as it was. */

import { h } from "../inbox/elements.ts";
import type { Undoable } from "../preferences.ts";
import type { Strings } from "./strings.ts";
import { placed } from "./table.ts";

export interface Offer {
  readonly element: HTMLElement;
  /** Null when there is nothing to undo. */
  show(undoable: Undoable | null): void;
}

export function offer(options: {
  strings: Strings;
  /** What the place of a change is called. */
  name: (place: string) => string;
  undo: () => void;
}): Offer {
  const { strings: t, name, undo } = options;
  const element = h("div", { class: "undo", role: "status", hidden: true });
  /** What it is about, and the place of what it was about last. */
  let offered: Undoable | null = null;
  let last = "";

  const withdraw = (): void => {
    const root = element.getRootNode() as ShadowRoot;
    // The button goes: whoever has pressed it is where the change was.
    if (element.contains(root.activeElement)) placed(root, last)?.focus();
    element.hidden = true;
    element.replaceChildren();
  };

  return {
    element,
    show(undoable) {
      if (undoable === offered) return;
      offered = undoable;
      if (undoable === null) return withdraw();
      last = undoable.place;
      // In sight first: what was there before it was shown is not spoken.
      element.hidden = false;
      element.replaceChildren(
        h("span", {}, t.saved(name(last))),
        h("button", { type: "button", onclick: undo }, t.undo),
      );
    },
  };
}
