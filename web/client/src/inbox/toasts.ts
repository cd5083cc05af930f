/** Toasts: the newest arrivals for a few seconds, and of a burst the newest and how many more it was. */

import type { Notification } from "../protocol.ts";
import { drawing, h } from "./elements.ts";
import { CROSS, glyph, type Icon } from "./icons.ts";
import type { Strings } from "./strings.ts";

const STAY_MS = 6_000;
const BURST_MS = 1_500;
const MOST = 3;
/** What the pointer is about to press, or to write in. */
const HANDLED = ":is(a, button, input, select, textarea, label, summary, [role=button]):hover";

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

  /** Goes to the other end of the window when what a person is at lies under the toasts. */
  const giveWay = (): void => {
    element.classList.remove("aside");
    const own = element.getBoundingClientRect();
    const busy = [document.activeElement, ...document.querySelectorAll(HANDLED)];
    const covered = busy.some((at) => {
      if (!at || at === document.body || at === (element.getRootNode() as ShadowRoot).host) return false;
      const { left, right, top, bottom } = at.getBoundingClientRect();
      return left < own.right && right > own.left && top < own.bottom && bottom > own.top;
    });
    element.classList.toggle("aside", covered);
  };

  const close = (toast: HTMLElement): void => {
    clearTimeout(timers.get(toast));
    toast.remove();
  };
  const leave = (toast: HTMLElement): void => {
    clearTimeout(timers.get(toast));
    timers.set(toast, setTimeout(close, STAY_MS, toast));
  };
  const make = (notification: Notification, body: string, chosen: () => void): HTMLElement => {
    const { title } = notification;
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
      glyph(icon(notification)),
      h(
        "div",
        { class: "words" },
        h("button", { type: "button", class: "name", dir: "auto" }, title),
        body && h("p", { class: "body", dir: "auto" }, body),
      ),
      h(
        "button",
        { type: "button", class: "shut", "aria-label": `${t.dismissToast}: ${title}`, onclick: shut },
        drawing(CROSS),
      ),
    );
    return toast;
  };
  /** In place: what has the pointer or the focus keeps it. */
  const update = (toast: HTMLElement, notification: Notification, body: string): void => {
    const { title } = notification;
    const [picture, name, text, shut] = toast.querySelectorAll(".glyph, .name, .body, .shut");
    picture?.replaceWith(glyph(icon(notification)));
    if (name) name.textContent = title;
    if (text) text.textContent = body;
    shut?.setAttribute("aria-label", `${t.dismissToast}: ${title}`);
    leave(toast);
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
      const first = !element.childElementCount;
      if (current || recent > MOST) {
        const newest = arrived.at(-1) as Notification;
        const others = t.others(recent - 1);
        if (current) update(current, newest, others);
        else {
          element.replaceChildren();
          burst = put(make(newest, others, open));
        }
      } else
        for (const notification of arrived) {
          put(make(notification, notification.body, () => follow(notification)));
          if (element.childElementCount > MOST) close(element.firstElementChild as HTMLElement);
        }
      if (first) giveWay();
    },
    clear: () => element.replaceChildren(),
  };
}
