import { afterEach, expect, test, vi } from "vitest";
import { paced } from "../src/pace.ts";

/** What a connection has unless the gateway is set otherwise: so many at once, and so many a second. */
const BURST = 40;
const PER_SECOND = 20;

afterEach(() => void vi.useRealTimers());

test("what takes hundreds of questions leaves half of what a connection has, and the first come at once", async () => {
  vi.useFakeTimers({ now: 0 });
  const at: number[] = [];
  const ask = paced(async (question: number) => {
    at.push(Date.now());
    return question;
  });

  const all = (async () => {
    for (let question = 0; question < 300; question += 1) expect(await ask(question)).toBe(question);
  })();
  await vi.runAllTimersAsync();
  await all;

  expect(at[19]).toBe(0);
  at.forEach((moment, place) => {
    expect(place + 1).toBeLessThanOrEqual((BURST + (PER_SECOND * moment) / 1_000) / 2 + 1);
  });
});
