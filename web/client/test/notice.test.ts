// @vitest-environment jsdom

/** What is said when the inbox is not live, and when. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Notice, notice } from "../src/inbox/notice.ts";
import { ENGLISH } from "../src/inbox/strings.ts";

let line: Notice;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  line = notice({ strings: ENGLISH, reconnect: () => {}, told: (text) => told.push(text) });
});
afterEach(() => vi.useRealTimers());

const text = (): string | null => (line.element.hidden ? null : line.element.textContent);

it("says nothing of a short absence", () => {
  line.show({ state: "offline", reason: null });
  vi.advanceTimersByTime(1_900);
  line.show({ state: "ready", reason: null });
  vi.advanceTimersByTime(60_000);

  expect(text()).toBeNull();
});

it("says that a longer one is being mended, and when it is", () => {
  line.show({ state: "offline", reason: null });
  vi.advanceTimersByTime(2_100);
  expect(text()).toBe("Reconnecting…");

  line.show({ state: "ready", reason: null });
  expect(text()).toBeNull();
});

it("tells the bell what it says, and when it says nothing any more", () => {
  line.show({ state: "offline", reason: null });
  line.show({ state: "ready", reason: null });
  line.show({ state: "offline", reason: null });
  vi.advanceTimersByTime(2_100);
  line.show({ state: "stopped", reason: "replaced" });
  line.show({ state: "ready", reason: null });

  expect(told).toEqual(["Reconnecting…", "Notifications moved to a newer window.", ""]);
});

it("keeps to an end for good that came soon after an absence", () => {
  line.show({ state: "offline", reason: null });
  line.show({ state: "stopped", reason: "replaced" });
  vi.advanceTimersByTime(60_000);

  expect(text()).toContain("moved to a newer window");
  expect(line.element.querySelector("button")).not.toBeNull();
});

it("says so again when what had ended is tried anew", () => {
  line.show({ state: "offline", reason: null });
  line.show({ state: "stopped", reason: "replaced" });
  line.show({ state: "offline", reason: null });
  vi.advanceTimersByTime(2_100);

  expect(text()).toBe("Reconnecting…");
});

it("is not made again while it says the same", () => {
  line.show({ state: "stopped", reason: "replaced" });
  const button = line.element.querySelector("button");
  line.show({ state: "stopped", reason: "replaced" });

  expect(line.element.querySelector("button")).toBe(button);
});
