/**
 * How news reaches a person who does not look at the page: by its signs, and by the browser's own notifications.
 *
 * A page that wants none of it does not fetch this file. Of all tabs one tells, and none while one of them is looked at, nor
 * in the person's quiet hours.
 */

import type { Inbox } from "../index.ts";
import type { Notification as News } from "../protocol.ts";
import type { PreferencesAnswer } from "../shapes.ts";
import { isQuiet } from "./quiet.ts";
import { icon, ring, title } from "./signs.ts";

/** How long the person's choices are taken for what they were. */
const KNOWN_MS = 10_000;
/** Longer than other tabs take to hear of the same. */
const ALONE_MS = 1_000;
const LOOKING = "bellhop looking";

export interface Reach {
  /** So many are unread. */
  count(unread: number): void;
  arrived(news: readonly News[]): void;
  /** Leaves the page as it was. */
  leave(): void;
}

export function reach(options: {
  /** Which ways there are: `title`, `icon`, `desktop`, `sound`. */
  ways: () => string[];
  inbox: () => Inbox | undefined;
  /** One was chosen on the desktop. */
  follow: (news: News) => void;
}): Reach {
  const { ways, inbox, follow } = options;
  const { locks } = navigator as Partial<Navigator>;
  const paint = icon();
  let chosen: PreferencesAnswer | undefined;
  let asked = 0;
  let looked: (() => void) | undefined;

  const look = (): void => {
    looked?.();
    looked = undefined;
    if (document.visibilityState === "visible")
      locks?.request(LOOKING, { mode: "shared" }, () => new Promise<void>((done) => (looked = done)));
  };
  document.addEventListener("visibilitychange", look);
  look();

  const isSilent = async (): Promise<boolean> => {
    if (Date.now() - asked > KNOWN_MS) {
      asked = Date.now();
      // A gateway that cannot tell now has told before, or there are none.
      chosen =
        (await inbox()
          ?.ask<PreferencesAnswer>("preferences", {})
          .catch(() => chosen)) ?? chosen;
    }
    return !!chosen && isQuiet(chosen, new Date());
  };

  /** Does it in one of the tabs that hear of the same at once. */
  const once = (name: string, does: () => void): void => {
    const alone = (lock: Lock | null): Promise<void> | undefined => {
      if (!lock) return undefined;
      does();
      return new Promise((done) => setTimeout(done, ALONE_MS));
    };
    if (locks) locks.request(`bellhop ${name}`, { ifAvailable: true }, alone);
    else does();
  };

  return {
    count(unread) {
      if (ways().includes("title")) title(unread);
      if (ways().includes("icon")) paint(unread);
    },
    async arrived(news) {
      const newest = news.at(-1) as News;
      const here = ways();
      const isDesktop = here.includes("desktop") && globalThis.Notification?.permission === "granted";
      if ((!isDesktop && !here.includes("sound")) || (await isSilent())) return;
      const held = (await locks?.query())?.held ?? [];
      const isLooked = document.visibilityState === "visible" || held.some(({ name }) => name === LOOKING);
      if (here.includes("sound")) once(`sound ${newest.id}`, ring);
      if (isDesktop && !isLooked)
        for (const each of news.slice(-3))
          once(each.id, () => {
            const { id, title, body } = each;
            try {
              const shown = new Notification(title, { body, tag: id });
              shown.onclick = () => {
                window.focus();
                shown.close();
                follow(each);
              };
            } catch {
              // Pages may show none here, as in Chrome on Android.
            }
          });
    },
    leave() {
      document.removeEventListener("visibilitychange", look);
      looked?.();
      if (ways().includes("title")) title(0);
      if (ways().includes("icon")) paint(0);
    },
  };
}
