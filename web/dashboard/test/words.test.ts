import { describe, expect, test } from "vitest";
import { ago, figure, humane, initials, milliseconds, openOnes, plural } from "../src/words.ts";

const AT = "2026-01-01T12:00:00.000Z";

describe("words", () => {
  const now = Date.parse(AT);
  test.each([
    [0, "now"],
    [12, "12s ago"],
    [90, "1m ago"],
    [7_300, "2h ago"],
    [3 * 86_400, "3d ago"],
    [-3_600, "in 1h"],
  ])("of a time %d s back: %s", (seconds, said) => {
    expect(ago(new Date(now - seconds * 1000).toISOString(), now)).toBe(said);
  });

  test("of numbers", () => {
    expect([figure(1204), figure(2_500_000), figure(0.004)]).toEqual(["1,204", "2.5M", "0"]);
    expect([milliseconds(0), milliseconds(3.21), milliseconds(45.6), milliseconds(1500)]).toEqual([
      "0 ms",
      "3.2 ms",
      "46 ms",
      "1.5 s",
    ]);
    expect([plural(1, "mail"), plural(2, "person", "people")]).toEqual(["1 mail", "2 people"]);
  });

  test("of types and names", () => {
    expect(humane("ORDER_UPDATE")).toBe("Order update");
    expect([initials("Ann Archer"), initials("bob"), initials("")]).toEqual(["AA", "B", "?"]);
  });
});

test("what waits for an answer is named by its type, where that is one", () => {
  expect(openOnes(["COMPLAINT"])).toBe("open complaint");
  expect(openOnes(["NEW_COMPLAINT"])).toBe("open complaint");
  expect(openOnes(["RETURN_REQUEST", "RETURN_REQUEST"])).toBe("open return requests");
  expect(openOnes(["COMPLAINT", "RETURN_REQUEST"])).toBe("open notifications");
});
