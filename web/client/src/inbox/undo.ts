/** What was done a moment ago, and the button that takes it back. */

import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

const STAY_MS = 6_000;

export interface Undo {
  readonly element: HTMLElement;
  /** Says what was done. `commit` is called once it cannot be taken back any more, `back` when it is. */
  offer(text: string, back: () => void, commit?: () => void): void;
  /** Says what there is no button for. */
  say(text: string): void;
  /** What was done, is done. */
  settle(): void;
}

export function undo(strings: Strings): Undo {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: (() => void) | undefined;
  const said = h("span");
  const button = h("button", { type: "button" }, strings.undo);
  const settle = (): void => {
    clearTimeout(timer);
    element.hidden = true;
    const commit = last;
    last = undefined;
    commit?.();
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
    say(text) {
      settle();
      said.textContent = text;
      button.hidden = true;
      element.hidden = false;
      stay();
    },
    offer(text, back, commit) {
      settle();
      last = commit;
      said.textContent = text;
      button.hidden = false;
      button.onclick = () => {
        last = back;
        settle();
      };
      element.hidden = false;
      stay();
    },
  };
}
