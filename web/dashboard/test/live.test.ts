import { expect, test } from "vitest";
import type { Gateway } from "../src/gateway.ts";
import { Live, merged } from "../src/live.ts";
import type { Notification } from "../src/protocol.ts";

const one = (id: string, type = "COMPLAINT") => ({ id, type }) as Notification;
const ids = (notifications: readonly Notification[]) => notifications.map(({ id }) => id);

/** A gateway of which one says what it answers, and what it tells. */
function scripted(answers: Record<string, unknown>) {
  const listeners = new Map<string, (payload: unknown) => void>();
  const gateway = {
    on: (event: string, listener: (payload: unknown) => void) => {
      listeners.set(event, listener);
      return () => listeners.delete(event);
    },
    ask: async (event: string) => {
      if (!(event in answers)) throw new Error("unavailable");
      return answers[event];
    },
  } as unknown as Gateway;
  const tell = async (event: string, payload: unknown = {}) => {
    listeners.get(event)?.(payload);
    await new Promise((done) => setTimeout(done));
  };
  return { gateway, tell };
}

test("what waits for an answer is merged, the newest first", () => {
  expect(ids(merged([one("b"), one("a")], [one("c"), one("b")]))).toEqual(["c", "b", "a"]);
});

test("what was dealt with while one was away waits for no answer any more", async () => {
  const answers: Record<string, unknown> = {
    types: { types: { COMPLAINT: { urgent: true } } },
    feed: { notifications: [] },
    history: { notifications: [one("b"), one("a")] },
  };
  const { gateway, tell } = scripted(answers);
  const live = new Live(gateway);
  await tell("ready");
  await tell("notification", one("c"));
  expect(ids(live.open.get())).toEqual(["c", "b", "a"]);

  answers.history = { notifications: [one("c"), one("a")] };
  await tell("ready");
  expect(ids(live.open.get())).toEqual(["c", "a"]);

  delete answers.history;
  await tell("ready");
  expect(ids(live.open.get())).toEqual(["c", "a"]);
});

test("what came last is shown, though what waits for an answer cannot be asked", async () => {
  const { gateway, tell } = scripted({ feed: { notifications: [one("a")] } });
  const live = new Live(gateway);

  await tell("ready");

  expect(live.feed.get().items.map(({ id }) => id)).toEqual(["a"]);
});
