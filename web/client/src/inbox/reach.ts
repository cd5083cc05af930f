/**
 * How news reaches a person who does not look at the page: its title, its icon, the browser's own notifications, a sound.
 *
 * A page that wants none of it does not fetch this file. Of all tabs one tells, and none while one of them is looked at, nor
 * in the person's quiet hours.
 */

import type { Inbox } from "../index.ts";
import type { Notification as News } from "../protocol.ts";
import type { PreferencesAnswer } from "../shapes.ts";
import { isQuiet } from "./quiet.ts";
import { short } from "./strings.ts";

/** How long the person's choices are taken for what they were. */
const KNOWN_MS = 10_000;
/** Longer than other tabs take to hear of the same. */
const ALONE_MS = 1_000;
const LOOKING = "bellhop looking";
const SIZE = 64;

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
  const link = document.querySelector<HTMLLinkElement>('link[rel~="icon"]');
  const plain = link?.href;
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

  const paint = (unread: number): void => {
    if (!link || !plain) return;
    if (!unread) {
      link.href = plain;
      return;
    }
    const picture = new Image();
    picture.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
      const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
      pen.drawImage(picture, 0, 0, SIZE, SIZE);
      pen.fillStyle = "#d4313a";
      pen.beginPath();
      pen.arc(SIZE * 0.66, SIZE * 0.34, SIZE * 0.34, 0, 7);
      pen.fill();
      pen.fillStyle = "#fff";
      pen.font = `bold ${SIZE * 0.44}px sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(unread > 9 ? "9+" : String(unread), SIZE * 0.66, SIZE * 0.37);
      try {
        link.href = canvas.toDataURL();
      } catch {
        // An icon of another site may not be drawn upon.
      }
    };
    picture.src = plain;
  };

  const ring = (): void => {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const { currentTime: now } = audio;
    tone.frequency.setValueAtTime(880, now);
    tone.frequency.setValueAtTime(1175, now + 0.09);
    volume.gain.setValueAtTime(0.06, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.4);
    tone.connect(volume).connect(audio.destination);
    tone.onended = () => audio.close();
    tone.start();
    tone.stop(now + 0.4);
  };

  const title = (unread: number): void => {
    const bare = document.title.replace(/^\(\d+\+?\) /, "");
    document.title = unread ? `(${short(unread)}) ${bare}` : bare;
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
            const shown = new Notification(title, { body, tag: id });
            shown.onclick = () => {
              window.focus();
              shown.close();
              follow(each);
            };
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
