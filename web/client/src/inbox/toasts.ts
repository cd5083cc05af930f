/** Toasts: the newest arrivals for a few seconds, and of a burst only how many it was. */

import type { Notification } from "../protocol.ts";
import { drawing, h } from "./elements.ts";
import { BELL, CROSS, glyph, type Icon, type Look } from "./icons.ts";
import type { Strings } from "./strings.ts";

const STAY_MS = 6_000;
const BURST_MS = 1_500;
const MOST = 3;
const BURST_HUE = 243;

export interface Toasts {
  readonly element: HTMLElement;
  show(arrived: readonly Notification[]): void;
  clear(): void;
}

export function toasts(options: {
  strings: Strings;
  icon: Icon;
  /** One was chosen. */
  follow: (notification: Notification) => void;
  /** The sum of a burst was. */
  open: () => void;
}): Toasts {
  const { strings: t, icon, follow, open } = options;
  // Silent: the element's live region speaks for them, once a second at most.
  const element = h("div", {
    class: "toasts",
    part: "toasts",
    role: "log",
    "aria-live": "off",
    "aria-label": t.toasts,
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
  const make = (title: string, body: string, look: Look, chosen: () => void): HTMLElement => {
    const onclick = (): void => {
      close(toast);
      chosen();
    };
    const shut = (event: Event): void => {
      event.stopPropagation();
      close(toast);
    };
    const toast = h(
      "div",
      { class: "toast", part: "toast", onclick },
      glyph(look),
      h(
        "div",
        { class: "words" },
        h("button", { type: "button", class: "name" }, title),
        body && h("p", { class: "body" }, body),
      ),
      h(
        "button",
        { type: "button", class: "shut", "aria-label": `${t.dismissToast}: ${title}`, onclick: shut },
        drawing(CROSS),
      ),
    );
    return toast;
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
        const name = current.querySelector(".name");
        if (name) name.textContent = t.arrived(recent);
        leave(current);
      } else if (recent > MOST) {
        element.replaceChildren();
        burst = put(make(t.arrived(recent), "", { picture: drawing(BELL), hue: BURST_HUE }, open));
      } else
        for (const notification of arrived) {
          const { title, body } = notification;
          put(make(title, body, icon(notification), () => follow(notification)));
          if (element.childElementCount > MOST) close(element.firstElementChild as HTMLElement);
        }
    },
    clear: () => element.replaceChildren(),
  };
}
