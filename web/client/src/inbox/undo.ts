/** What was done a moment ago, and the button that takes it back. */

import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

const STAY_MS = 6_000;

export interface Undo {
  readonly element: HTMLElement;
  /** Says what was done, with a button for what takes it back. */
  say(text: string, back?: () => void): void;
  /** Says nothing any more. */
  settle(): void;
}

export function undo(strings: Strings): Undo {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const said = h("span");
  const button = h("button", { type: "button" }, strings.undo);
  const settle = (): void => {
    clearTimeout(timer);
    element.hidden = true;
  };
  const stay = (): void => {
    clearTimeout(timer);
    timer = setTimeout(settle, STAY_MS);
  };
  const element = h(
    "div",
    {
      class: "undo",
      part: "undo",
      role: "status",
      hidden: true,
      // Nobody has to reach it against the clock.
      onpointerenter: () => clearTimeout(timer),
      onfocusin: () => clearTimeout(timer),
      onpointerleave: stay,
      onfocusout: stay,
    },
    said,
    button,
  );
  return {
    element,
    settle,
    say(text, back) {
      said.textContent = text;
      button.hidden = !back;
      button.onclick = () => {
        settle();
        back?.();
      };
      element.hidden = false;
      stay();
    },
  };
}
