/** The line that says when the inbox is not live: that it comes back by itself, or what to do about it. */

import type { Snapshot } from "../index.ts";
import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

/** A reconnect shorter than this is nobody's concern. */
const AWAY_MS = 2_000;

export interface Notice {
  readonly element: HTMLElement;
  show(snapshot: Pick<Snapshot, "state" | "reason">): void;
  /** Says nothing, whatever it was about to say. */
  clear(): void;
}

export const notice = (options: {
  strings: Pick<Strings, "connecting" | "stopped" | "reconnect">;
  reconnect: () => void;
  /** Told what it says, and an empty text when it says nothing. */
  told: (text: string) => void;
}): Notice => {
  const { strings: t, reconnect, told } = options;
  const element = h("div", { class: "notice", role: "status", hidden: true });
  let away: ReturnType<typeof setTimeout> | undefined;
  let said = "";

  const say = (text: string, stopped: boolean): void => {
    // Said once: what is made again is spoken again, and loses the focus.
    if (said === text) return;
    said = text;
    told(text);
    element.hidden = false;
    element.classList.toggle("stopped", stopped);
    element.replaceChildren(
      h("span", {}, text),
      ...(stopped ? [h("button", { type: "button", onclick: reconnect }, t.reconnect)] : []),
    );
  };
  const clear = (): void => {
    clearTimeout(away);
    away = undefined;
    if (said) told("");
    said = "";
    element.hidden = true;
  };

  return {
    element,
    clear,
    show({ state, reason }) {
      if (state === "ready" || state === "online") clear();
      else if (state === "stopped") {
        clearTimeout(away);
        away = undefined;
        say(t.stopped[reason ?? ""] ?? t.stopped.other, true);
      } else away ??= setTimeout(() => say(t.connecting, false), AWAY_MS);
    },
  };
};
