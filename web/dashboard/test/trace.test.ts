import { describe, expect, test } from "vitest";
import type { Point } from "../src/protocol.ts";
import { iconOf, since, titleOf, toneOf, wordsOf } from "../src/traceline.ts";
import { idIn, NO_SEARCH, wanted } from "../src/tracesearch.ts";

const AT = "2026-01-01T12:00:00.000Z";

describe("a trace", () => {
  const point = (fields: Partial<Point>): Point => ({
    at: AT,
    via: "mail",
    what: "sent",
    detail: null,
    by: null,
    mail: null,
    count: null,
    rule: null,
    code: null,
    ...fields,
  });

  test("says of each point what it is, by whom, and in whose words", () => {
    const failed = point({ what: "postponed", count: 2, code: 450, detail: "greylisted" });
    const written = point({ via: "inbox", what: "written", count: 2, by: "node-1" });
    const called = point({ via: "call", what: "called", by: "shop", detail: "req-1" });
    const unknown = point({ via: "reader", what: "nodded", by: "ann" });

    expect([titleOf(failed), toneOf(failed), wordsOf(failed)]).toEqual([
      "Attempt failed, tried again later",
      "bad",
      "attempt 2 · 450 · greylisted",
    ]);
    expect([titleOf(written), wordsOf(written)]).toEqual(["Written to 2 sessions", "node-1"]);
    expect([titleOf(called), wordsOf(called)]).toEqual(["Asked for", "by shop · request req-1"]);
    expect([titleOf(unknown), toneOf(unknown), iconOf(unknown)]).toEqual(["Nodded", "plain", "users"]);
  });

  test("tells how long it took in the unit that fits", () => {
    const after = (ms: number) => since(AT, new Date(Date.parse(AT) + ms).toISOString());

    expect([0, 4, 1_500, 180_000, 7_200_000, 259_200_000].map(after)).toEqual([
      "",
      "+4 ms",
      "+1.5 s",
      "+3 min",
      "+2 h",
      "+3 d",
    ]);
  });

  test("is asked for by an id, or by what is known", () => {
    const id = "01900000-0000-7000-8000-000000000000";

    expect([idIn(` ${id.toUpperCase()} `), idIn("ann")]).toEqual([id, null]);
    expect(wanted({ ...NO_SEARCH, user: " ann ", since: "2026-11-26" })).toEqual({
      user: "ann",
      since: new Date(2026, 10, 26).toISOString(),
    });
  });
});
