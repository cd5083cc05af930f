import { describe, expect, test } from "vitest";
import { actor, changeWords, grouped, isSwitched, reachOf, stateOf, versionsOf } from "../src/catalog.ts";
import type { Channel, TypeSummary, Types } from "../src/protocol.ts";
import { percentIn } from "../src/ui/rollout.tsx";

const ON: Channel = { enabled: true, percent: 100, overridden: false, by_default: true };
const IDLE = { sent: 0, skipped: 0, dead: 0 };
const type = (category: string | null): TypeSummary => ({
  urgent: false,
  known: category !== null,
  category,
  critical: false,
  lane: "transactional",
  locales: ["en"],
  enabled: true,
  channels: { in_app: ON, email: ON },
  changed: null,
  day: { in_app: IDLE, email: IDLE },
});

test("types stand by category in the order of the catalog, and those without one last", () => {
  const types: Types = {
    version: "abc",
    default_locale: "de",
    nodes: {},
    categories: [
      { key: "offers", names: { de: "Angebote" }, order: 2 },
      { key: "orders", names: { de: "Bestellungen", en: "Orders" }, order: 1 },
      { key: "unused", names: {}, order: 0 },
    ],
    types: { STRAY: type(null), SALE: type("offers"), ORDER: type("orders"), LOST: type("gone") },
  };

  expect(grouped(types).map(({ name, types: some }) => [name, some.map(([one]) => one)])).toEqual([
    ["Orders", ["ORDER"]],
    ["Angebote", ["SALE"]],
    ["Not in the catalog", ["STRAY", "LOST"]],
  ]);
});

describe("a channel at a glance", () => {
  test.each([
    [{ ...ON, enabled: false }, "Off"],
    [{ ...ON, percent: 25 }, "25 %"],
    [{ ...ON, percent: 0 }, "0 %"],
    [{ ...ON, by_default: false }, "Not used"],
    [ON, "On"],
  ])("%o is %s", (channel, word) => expect(stateOf(channel).word).toBe(word));
});

test("a rollout is told by the rule of the buckets", () => {
  expect(reachOf(25)).toContain("below 2,500 of 10,000");
  expect(reachOf(0.29)).toContain("below 29 of");
  expect([reachOf(0), reachOf(100)]).toEqual(["Nobody is in.", "Everybody is in."]);
});

test("a percentage is a number from 0 to 100, with two places", () => {
  expect(["25", "12,5", "33.333 %", "100"].map(percentIn)).toEqual([25, 12.5, 33.33, 100]);
  expect(["", "-1", "101", "many", "1e9"].map(percentIn)).toEqual([null, null, null, null, null]);
});

describe("a change", () => {
  const said = (change: Record<string, unknown>) => changeWords({ change }).join(" ");

  test.each([
    [{ enabled: false }, "The type is off."],
    [{ enabled: null }, "The type is on or off as the file says."],
    [{ channels: { email: { percent: 25 } } }, "Mail goes to 25 %."],
    [{ experiment: { id: "x", variant: "glad" } }, "Everybody gets the variant glad."],
    [{ experiment: null }, "Its variants are tried."],
    [{ channels: { email: { percent: null } } }, "Mail is rolled out as the file says."],
    [{ channels: { in_app: { enabled: null, percent: null } } }, "Inbox is as the file says."],
    [{ enabled: true, channels: { in_app: { enabled: false } } }, "The type is on. Inbox is off."],
  ])("%o reads", (change, words) => expect(said(change)).toBe(words));

  test("of the whole type holds until it is given back to the file", () => {
    const at = (change: Record<string, unknown>) => ({ at: "", by: "", change });
    expect(isSwitched([])).toBe(false);
    expect(isSwitched([at({ channels: {} }), at({ enabled: false })])).toBe(true);
    expect(isSwitched([at({ enabled: null }), at({ enabled: false })])).toBe(false);
  });

  test("is somebody's", () => {
    expect([actor("user:a:b"), actor("service:shop"), actor("cron")]).toEqual(["a:b", "shop", "cron"]);
  });
});

test("nodes are told apart by the version that they run", () => {
  expect(versionsOf({ a: "1", b: "2", c: "1", d: null })).toEqual([
    ["1", ["a", "c"]],
    ["2", ["b"]],
    [null, ["d"]],
  ]);
});
