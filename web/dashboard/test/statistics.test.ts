import { describe, expect, test } from "vitest";
import type { StatsRow } from "../src/protocol.ts";
import {
  curve,
  inVariants,
  iso,
  named,
  periodOf,
  share,
  stretches,
  ticks,
  together,
  told,
  written,
} from "../src/statistics.ts";

const NOW = Date.parse("2026-11-26T13:20:00Z");
const rates = { in_app: null, email: null };
const row = (at: string | null, counts: StatsRow["counts"], type?: string): StatsRow => ({
  at,
  counts,
  rates,
  ...(type && { type, channel: "in_app" as const }),
});

describe("the time that is shown", () => {
  test.each([
    ["24h", "2026-11-25T14:00:00.000Z", "2026-11-26T14:00:00.000Z"],
    ["7d", "2026-11-20T00:00:00.000Z", "2026-11-27T00:00:00.000Z"],
    ["30d", "2026-10-28T00:00:00.000Z", "2026-11-27T00:00:00.000Z"],
    ["1y", "2025-11-28T00:00:00.000Z", "2026-11-27T00:00:00.000Z"],
  ] as const)("of %s ends with the step that is now", (span, from, to) => {
    const period = periodOf(span, NOW);
    const { start, bucketMs, count } = period.window;
    expect([iso(start), iso(start + count * bucketMs)]).toEqual([from, to]);
    const asked = stretches(period);
    expect([asked[0]?.from, asked.at(-1)?.to]).toEqual([from, to]);
    expect(asked.slice(1).every(({ from: next }, index) => next === asked[index]?.to)).toBe(true);
    expect(ticks(period).length).toBeLessThanOrEqual(6);
  });

  test("names days by UTC, wherever one is", () => {
    expect(named(periodOf("7d", NOW), Date.parse("2026-11-20T00:00:00Z"))).toBe("Nov 20");
  });
});

test("weeks hold the days that begin in them, and what is beside the time is left out", () => {
  const { window } = periodOf("1y", NOW);
  const rows = [
    row("2025-11-27T00:00:00.000Z", { seen: 100 }),
    row("2025-11-28T00:00:00.000Z", { seen: 1 }),
    row("2025-12-04T00:00:00.000Z", { seen: 2, read: 1 }),
    row("2025-12-05T00:00:00.000Z", { seen: 4 }),
    row("2026-11-26T00:00:00.000Z", { seen: 8 }),
  ];
  const seen = curve(window, rows, "seen");
  expect([seen[0], seen[1], seen.at(-1), seen.length]).toEqual([3, 4, 8, 52]);
  expect(together(rows)).toEqual({ seen: 115, read: 1 });
});

test("what nobody tells of is no step that nobody took", () => {
  expect(told("email", { accepted: 4, sent: 2 })).toEqual(["accepted", "sent"]);
  expect(told("email", { accepted: 4, clicked: 1 })).toEqual(["accepted", "sent", "clicked"]);
  expect(told("in_app", { emitted: 1 })).toEqual(["emitted", "delivered", "seen", "read"]);
});

test("a share is of the whole of its channel; of a shared room nobody knows the whole", () => {
  expect(share("in_app", { emitted: 4, read: 1 }, "read")).toBe(0.25);
  expect(share("in_app", { read: 1 }, "read")).toBe(null);
  expect(share("shared", { emitted: 1, read: 9 }, "read")).toBe(null);
});

test("a file has a column for each end, and a line for each row", () => {
  const lines = written([row("2026-11-26T00:00:00.000Z", { emitted: 3, read: 1 }, "ORDER")]).split("\n");
  expect(lines).toEqual([
    "at,type,channel,emitted,accepted,sent,delivered,seen,read,clicked,bounced,complained,skipped,dead",
    "2026-11-26T00:00:00.000Z,ORDER,in_app,3,0,0,0,0,1,0,0,0,0,0",
    "",
  ]);
});

test("a file that tells variants apart says of which campaign they are, too", () => {
  const rows: StatsRow[] = [
    { ...row(null, { sent: 2 }, "NEWS"), channel: "email", campaign: "c1", variant: "plain" },
    { ...row(null, { emitted: 1 }, "NEWS"), campaign: "", variant: "" },
  ];
  const [head, ...lines] = written(rows).split("\n");
  expect(head?.startsWith("at,type,channel,campaign,variant,emitted,accepted,sent")).toBe(true);
  expect(lines[0]?.startsWith(",NEWS,email,c1,plain,0,0,2,")).toBe(true);
  expect(lines[1]?.startsWith(",NEWS,in_app,,,1,")).toBe(true);
});

test("variants stand by channel and campaign: the type's own first, then the newest campaign; what has none is left out", () => {
  const of = (channel: "in_app" | "email", campaign: string, variant: string): StatsRow => ({
    ...row(null, { emitted: 1 }),
    channel,
    campaign,
    variant,
  });
  const rows = [
    of("email", "019a", "plain"),
    of("email", "019c", "plain"),
    of("email", "019c", ""),
    of("email", "019b", ""),
    of("email", "", "glad"),
    of("in_app", "", "glad"),
  ];
  const seen = inVariants(rows, ["in_app", "email"]).map(({ channel, campaign, rows: own }) => [
    channel,
    campaign,
    own.length,
  ]);
  expect(seen).toEqual([
    ["in_app", "", 1],
    ["email", "", 1],
    ["email", "019c", 2],
    ["email", "019a", 1],
  ]);
  expect(inVariants(rows, ["email"]).every(({ channel }) => channel === "email")).toBe(true);
});
