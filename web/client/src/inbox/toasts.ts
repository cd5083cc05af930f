/** Toasts: the newest arrivals for a few seconds, and of a burst only how many it was. */

import type { Notification } from "../protocol.ts";
import { h } from "./elements.ts";

const STAY_MS = 6_000;
const BURST_MS = 1_500;
const MOST = 3;

export interface Toasts {
  readonly element: HTMLElement;
  show(arrived: readonly Notification[]): void;
  clear(): void;
}

export function toasts(options: {
  label: string;
  one: (notification: Notification, close: () => void) => HTMLElement;
  /** Makes the sum of a burst, or brings `element` up to date. */
  many: (count: number, close: () => void, element?: HTMLElement) => HTMLElement;
}): Toasts {
  // Silent: the element's live region speaks for them, once a second at most.
  const element = h("div", {
    class: "toasts",
    part: "toasts",
    role: "log",
    "aria-live": "off",
    "aria-label": options.label,
  });
  const timers = new WeakMap<HTMLElement, ReturnType<typeof setTimeout>>();
  let recent = 0;
  let since = 0;
  let burst: HTMLElement | undefined;

  const close = (toast: HTMLElement): void => {
    clearTimeout(timers.get(toast));
    toast.remove();
  };
  const leave = (toast: HTMLElement): void => {
    clearTimeout(timers.get(toast));
    timers.set(toast, setTimeout(close, STAY_MS, toast));
  };
  const put = (toast: HTMLElement): HTMLElement => {
    // Nobody has to read or reach it against the clock.
    for (const event of ["pointerenter", "focusin"])
      toast.addEventListener(event, () => clearTimeout(timers.get(toast)));
    for (const event of ["pointerleave", "focusout"]) toast.addEventListener(event, () => leave(toast));
    leave(toast);
    element.append(toast);
    return toast;
  };

  return {
    element,
    show(arrived) {
      const now = Date.now();
      const current = burst?.isConnected ? burst : undefined;
      if (now - since > BURST_MS && !current) {
        since = now;
        recent = 0;
      }
      recent += arrived.length;
      if (current) {
        options.many(recent, () => {}, current);
        leave(current);
      } else if (recent > MOST) {
        element.replaceChildren();
        const toast = options.many(recent, () => close(toast));
        burst = put(toast);
      } else
        for (const notification of arrived) {
          const toast = options.one(notification, () => close(toast));
          put(toast);
          if (element.childElementCount > MOST) close(element.firstElementChild as HTMLElement);
        }
    },
    clear: () => element.replaceChildren(),
  };
}
