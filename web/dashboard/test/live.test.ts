import { expect, test } from "vitest";
import { merged } from "../src/live.ts";
import type { Notification } from "../src/protocol.ts";

test("what waits for an answer is merged, the newest first", () => {
  const one = (id: string) => ({ id }) as Notification;
  expect(merged([one("b"), one("a")], [one("c"), one("b")]).map(({ id }) => id)).toEqual(["c", "b", "a"]);
});
