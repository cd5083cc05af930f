// @vitest-environment jsdom

/** How news reaches who does not look, and who is to be left in peace. */

import { describe, it, vi } from "vitest";
import { LATER } from "../src/inbox/later.ts";
import { isQuiet } from "../src/inbox/quiet.ts";
import { reach } from "../src/inbox/reach.ts";
import { ring } from "../src/inbox/signs.ts";
import type { Inbox, Notification as News } from "../src/index.ts";
import type { PreferencesAnswer } from "../src/shapes.ts";
import { atEnd, eventually, expect } from "./support.ts";

const chosen = (quiet_hours: object | null, timezone: string | null = "Europe/Berlin"): PreferencesAnswer =>
  ({ quiet_hours, timezone }) as PreferencesAnswer;
const NIGHT = { start: "22:00", end: "07:00" };

describe("quiet hours", () => {
  it.each([
    ["2026-11-26T20:59:00Z", NIGHT, false],
    ["2026-11-26T21:00:00Z", NIGHT, true],
    ["2026-11-27T05:59:00Z", NIGHT, true],
    ["2026-11-27T06:00:00Z", NIGHT, false],
    ["2026-11-26T12:30:00Z", { start: "13:00", end: "14:00" }, true],
    ["2026-11-26T13:00:00Z", { start: "13:00", end: "14:00" }, false],
    ["2026-11-26T12:00:00Z", { start: "08:00", end: "08:00" }, false],
    // A night that begins on Thursday ends on Friday.
    ["2026-11-27T05:00:00Z", { ...NIGHT, days: ["thu"] }, true],
    ["2026-11-27T05:00:00Z", { ...NIGHT, days: ["fri"] }, false],
    ["2026-11-26T22:00:00Z", { ...NIGHT, days: ["thu"] }, true],
  ])("at %s with %o: %s", (at, quiet, holds) => {
    expect(isQuiet(chosen(quiet), new Date(at))).toBe(holds);
  });

  it("are none where none are chosen", () => {
    expect(isQuiet(chosen(null, null), new Date())).toBe(false);
  });
});

it("what is put off comes back ahead, whatever the hour and the day", () => {
  for (let hour = 0; hour < 24 * 8; hour++) {
    const now = new Date(2026, 10, 23, hour, 30);
    for (const choice of LATER) expect(+choice(now)).toBeGreaterThan(+now);
    expect(LATER[3]?.(now).getDay()).toBe(1);
  }
});

describe("a page that nobody looks at", () => {
  const told = (quiet: object | null): { shown: string[]; arrived: (title: string) => unknown } => {
    const shown: string[] = [];
    class Desktop {
      static readonly permission = "granted";
      onclick: unknown;
      constructor(title: string) {
        shown.push(title);
      }
    }
    vi.stubGlobal("Notification", Desktop);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    const inbox = { ask: async () => chosen(quiet, "UTC") } as unknown as Inbox;
    const made = reach({ ways: () => ["title", "desktop"], inbox: () => inbox, follow: () => {} });
    atEnd(() => {
      made.leave();
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
    });
    made.count(120);
    return { shown, arrived: (title) => made.arrived([{ id: title, title, body: "" } as News]) };
  };

  it("tells on the desktop and in its title", async () => {
    document.title = "Shop";
    const { shown, arrived } = told(null);

    arrived("Shipped");

    await eventually(() => expect(shown).toEqual(["Shipped"]));
    expect(document.title).toBe("(99+) Shop");
  });

  it("goes on where pages may show no notifications, as in Chrome on Android", async () => {
    const { arrived } = told(null);
    const shows = vi.fn(() => {
      throw new TypeError("Illegal constructor");
    });
    vi.stubGlobal("Notification", Object.assign(shows, { permission: "granted" }));

    await arrived("Shipped");

    expect(shows).toHaveBeenCalledOnce();
  });

  it("keeps quiet while its person wants to be left in peace", async () => {
    const { shown, arrived } = told({ start: "00:00", end: "23:59" });
    vi.useFakeTimers({ now: new Date("2026-11-26T12:00:00Z"), toFake: ["Date"] });

    arrived("Shipped");
    await new Promise((done) => setTimeout(done));

    expect(shown).toEqual([]);
  });
});

it("a sound that the browser holds back takes up nothing for ever", () => {
  vi.useFakeTimers();
  const close = vi.fn();
  const param = { setValueAtTime() {}, exponentialRampToValueAtTime() {} };
  // As in a page that was not touched yet: its time stands still, and no tone ever ends.
  const node = { frequency: param, gain: param, connect: () => node, start() {}, stop() {} };
  vi.stubGlobal(
    "AudioContext",
    class {
      currentTime = 0;
      close = close;
      createOscillator = () => node;
      createGain = () => node;
    },
  );
  atEnd(() => vi.unstubAllGlobals());

  ring();
  expect(close).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);

  expect(close).toHaveBeenCalledOnce();
});
