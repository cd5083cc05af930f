// @vitest-environment jsdom

/** What is fetched late, over a network that comes and goes. */

import { it, vi } from "vitest";
import { fetched } from "../src/inbox/fetched.ts";
import { expect } from "./support.ts";

it("what cannot be fetched is tried again, less and less often, and at once when the network returns", async () => {
  vi.useFakeTimers();
  let tries = 0;
  const load = async (): Promise<string> => {
    if (++tries < 4) throw new TypeError("Failed to fetch dynamically imported module");
    return "the file";
  };

  const file = fetched(load);
  await vi.advanceTimersByTimeAsync(999);
  expect(tries).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(tries).toBe(2);
  await vi.advanceTimersByTimeAsync(1_999);
  expect(tries).toBe(2);
  dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(tries).toBe(3);
  await vi.advanceTimersByTimeAsync(4_000);

  expect(await file).toBe("the file");
});
