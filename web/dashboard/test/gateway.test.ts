import { expect, test } from "vitest";
import { unanswered } from "../src/gateway.ts";

test("whoever gets no answer to what would be done twice is told to look first", () => {
  expect(unanswered("emit")).toMatch(/may have done it/);
  expect(unanswered("suppress")).toMatch(/try again/);
});
