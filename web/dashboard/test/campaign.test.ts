import { describe, expect, it } from "vitest";
import { audienceOf, percent, points, shares } from "../src/campaign.ts";
import { audienceAsked, IMPORTED, isTwice } from "../src/pages/audience.tsx";
import { AT_ONCE, timingAsked } from "../src/pages/timing.tsx";
import { href, parse } from "../src/route.ts";
import { NO_TRIAL, ownWords, planOf, withAnother } from "../src/trialasked.ts";

const NOTHING = {
  imported: 0,
  pending: 0,
  owed: 0,
  sent: 0,
  skipped: 0,
  dead: 0,
  cancelled: 0,
  exact: true,
  skipped_by: {},
  delivered: 0,
  bounced: 0,
  complained: 0,
  clicked: 0,
};

describe("a campaign", () => {
  it("is shown in shares that come to a whole, without what is nothing", () => {
    expect(shares({ ...NOTHING, imported: 4, sent: 3, pending: 1 })).toEqual([
      { part: "sent", percent: 75 },
      { part: "pending", percent: 25 },
    ]);
    expect(shares(NOTHING)).toEqual([]);
  });

  it("says in words whom it is for", () => {
    expect(audienceOf("import")).toBe("those you import");
    expect(audienceOf({ topic: "garden" })).toBe("the topic garden");
    expect(audienceOf({ users: {} })).toBe("all users");
    expect(audienceOf({ users: { locale: "de", attributes: { plan: "pro", n: 1 } } })).toBe(
      "all users who read de, with plan pro and n 1",
    );
  });

  it("tells rates, and how far they are apart", () => {
    expect(percent(0.0512)).toBe("5.1%");
    expect([0.012, -0.004, 0.0001].map(points)).toEqual(["+1.2 points", "−0.4 points", "±0.0 points"]);
  });

  it("says in its own words what was written, in each language that something was written in", () => {
    expect(ownWords(NO_TRIAL)).toEqual({});
    const said = { subject: " One ", title: "", body: " " };
    expect(ownWords({ ...NO_TRIAL, texts: { de: said, en: { ...said, subject: "" } } })).toEqual({
      texts: { de: { subject: "One" } },
    });
  });

  it("asks for a trial when there are several ways to say it", () => {
    expect(planOf(NO_TRIAL)).toEqual({});
    const asked = withAnother(withAnother(withAnother(NO_TRIAL)));
    const [b, c, d] = asked.others;
    if (!b || !c || !d) throw new Error("there are three");
    const others = [
      { ...b, texts: { en: { subject: " Two ", title: "", body: "" } } },
      { ...c, texts: { en: { subject: "", title: "Three", body: "Of it" } }, localTime: "18:00" },
      { ...d, name: "like-a" },
    ];
    expect(ownWords({ ...asked, others })).toEqual({
      variants: [
        { name: "a" },
        { name: "b", texts: { en: { subject: "Two" } } },
        { name: "c", texts: { en: { title: "Three", body: "Of it" } }, local_time: "18:00" },
        { name: "like-a" },
      ],
    });
    expect(planOf({ ...asked, others, holdout: "5", metric: "conversion" })).toEqual({
      experiment: { metric: "conversion", share: 20, holdout: 5, baseline: 0.05, effect: 0.02, hours: 24 },
    });
  });

  it("is for whom it was asked for, whatever was asked of another audience before", () => {
    const asked = {
      kind: "users",
      topic: "garden",
      locale: "de",
      attributes: [
        { key: 1, name: " plan ", value: " pro" },
        { key: 2, name: "seats", value: "5" },
        { key: 3, name: "code", value: '"5"' },
        { key: 4, name: "trial", value: "false" },
      ],
    } as const;
    expect(audienceAsked(asked)).toEqual({
      users: { locale: "de", attributes: { plan: "pro", seats: 5, code: "5", trial: false } },
    });
    expect(audienceAsked({ ...asked, kind: "topic" })).toEqual({ topic: "garden" });
    expect(audienceAsked({ ...asked, kind: "import" })).toBe("import");
    expect(audienceAsked({ ...IMPORTED, kind: "users" })).toEqual({ users: {} });
    const twice = [
      ...asked.attributes,
      { key: 5, name: "plan", value: "free" },
      { key: 6, name: "", value: "" },
      { key: 7, name: "", value: "" },
    ];
    expect(twice.map((_, place) => isTwice(twice, place))).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it("begins when it was asked to, by the clock of who asks, and tells the rate as it was written", () => {
    expect(timingAsked(AT_ONCE)).toEqual({});
    expect(timingAsked({ sendAt: "2026-12-01T09:00", localTime: "08:30", rate: " 90 " })).toEqual({
      send_at: new Date(2026, 11, 1, 9).toISOString(),
      local_time: "08:30",
      rate: 90,
    });
    expect(timingAsked({ ...AT_ONCE, rate: "many" })).toEqual({ rate: "many" });
  });

  it("gives another way the first letter that is free, and a key that no other has had beside it", () => {
    const asked = withAnother(withAnother(NO_TRIAL));
    const kept = { ...asked, others: asked.others.slice(1) };
    expect(withAnother(kept).others.map(({ key, name }) => [key, name])).toEqual([
      [2, "c"],
      [3, "b"],
    ]);
  });

  it("has a place of its own, with the state that is looked at", () => {
    for (const route of [
      { page: "campaigns", campaign: null, state: "" },
      { page: "campaigns", campaign: "a/b", state: "dead" },
    ] as const) {
      expect(parse(href(route))).toEqual(route);
    }
  });
});
