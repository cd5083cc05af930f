/** What a screen reader says of arrivals: at most one sentence a second, so that a burst is not a thousand. */

import type { Notification } from "../protocol.ts";
import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

const SPEAK_MS = 1_000;

export interface Speech {
  readonly element: HTMLElement;
  tell(arrived: readonly Notification[]): void;
}

export function speech({ strings }: { strings: Strings }): Speech {
  const element = h("div", { class: "spoken", role: "status" });
  let waiting: Notification[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const speak = (): void => {
    const [first, ...more] = waiting;
    waiting = [];
    timer = undefined;
    const { arrived: many } = strings;
    if (first) element.textContent = more.length ? many(more.length + 1) : `${many(1)}: ${first.title}`;
  };

  return {
    element,
    tell(arrived) {
      waiting.push(...arrived);
      if (timer === undefined) timer = setTimeout(speak, SPEAK_MS);
    },
  };
}
