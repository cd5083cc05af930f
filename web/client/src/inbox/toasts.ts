/**
 * Toasts: the newest arrivals for a few seconds, and of a burst the newest and how many more it was.
 *
 * Fetched when something arrives.
 */

import type { Notification } from "../protocol.ts";
import { drawing, h } from "./elements.ts";
import { CROSS, glyph, type Icon } from "./icons.ts";
import { sheetOf, wear } from "./look.ts";
import type { Strings } from "./strings.ts";

const STYLE = `
.toasts { position: fixed; inset-block-end: 1rem; inset-inline-end: 1rem; inline-size: min(22.5rem, 100% - 2rem); display: flex; flex-direction: column; gap: .625rem; z-index: 2147483000; pointer-events: none }
.toast { position: relative; display: flex; gap: .75rem; padding-block: .8125rem; padding-inline: .875rem 2.5rem; border-radius: var(--_radius); background: var(--_bg); box-shadow: var(--_shadow); cursor: pointer; pointer-events: auto; text-align: start; animation: rise .22s cubic-bezier(.2, .8, .3, 1) }
.toast:hover { background: color-mix(in srgb, var(--_hover) 60%, var(--_bg)) }
.toast .words { align-self: center }
.toast .name { display: block; inline-size: 100% }
.toast .shut { position: absolute; inset-block-start: .625rem; inset-inline-end: .625rem; display: grid; place-items: center; inline-size: 1.625rem; block-size: 1.625rem; border-radius: 7px; color: var(--_muted) }
.toast .shut:hover { background: var(--_hover); color: var(--_text) }
.toast .shut svg { inline-size: 1rem; block-size: 1rem }
@keyframes rise { from { opacity: 0; translate: 0 .75rem } }
.toasts.aside { inset-block: 1rem auto }
@media (max-width: 480px) {
  /* Under the thumb are the page's own buttons. */
  .toasts { inset-block: .75rem auto; inset-inline: .75rem; inline-size: auto }
  .toasts.aside { inset-block: auto .75rem }
}
@media (forced-colors: active) {
  .toast { border: 1px solid }
}
`;
const sheet = sheetOf(STYLE, "");

const STAY_MS = 6_000;
const BURST_MS = 1_500;
const MOST = 3;
/** What the pointer is about to press, or to write in. */
const HANDLED = ":is(a, button, input, select, textarea, label, summary, [role=button]):hover";

export interface Toasts {
  show(arrived: readonly Notification[]): void;
  clear(): void;
}

export function toasts(options: {
  /** Where they are shown. */
  element: HTMLElement;
  strings: Strings;
  icon: Icon;
  /** One was chosen. */
  follow: (notification: Notification) => void;
  /** The sum of a burst was. */
  open: () => void;
}): Toasts {
  const { element, strings: t, icon, follow, open } = options;
  wear(element, sheet);
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
      if (first) giveWay(element);
    },
    clear: () => element.replaceChildren(),
  };
}

/** Goes to the other end of the window when what a person is at lies under the toasts. */
function giveWay(toasts: HTMLElement): void {
  toasts.classList.remove("aside");
  const own = toasts.getBoundingClientRect();
  const busy = [document.activeElement, ...document.querySelectorAll(HANDLED)];
  const covered = busy.some((at) => {
    if (!at || at === document.body || at === (toasts.getRootNode() as ShadowRoot).host) return false;
    const { left, right, top, bottom } = at.getBoundingClientRect();
    return left < own.right && right > own.left && top < own.bottom && bottom > own.top;
  });
  toasts.classList.toggle("aside", covered);
}
