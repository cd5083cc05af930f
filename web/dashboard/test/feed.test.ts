import { describe, expect, test } from "vitest";
import { EMPTY, filtered, KEPT, servicesIn, take, typesIn, withEarlier } from "../src/feed.ts";
import type { FeedItem } from "../src/protocol.ts";

const AT = "2026-01-01T12:00:00.000Z";

describe("the feed", () => {
  const item = (id: string, room = "all", type = "T"): FeedItem => ({
    id,
    room,
    seq: 1,
    type,
    title: id,
    body: "",
    created_at: AT,
    in_app: true,
    mail: false,
    by: "shop",
  });
  const batch = (...items: FeedItem[]) => ({ node: "n", notifications: items, left_out: 0 });

  test("begins with what came before, each once and newest first", () => {
    const state = withEarlier(take(EMPTY, batch(item("3"), item("5"))), [item("4"), item("3"), item("1")]);

    expect(state.items.map(({ id }) => id)).toEqual(["5", "4", "3", "1"]);
  });

  test("has the newest on top, each once", () => {
    const state = take(take(EMPTY, batch(item("1"), item("2"))), batch(item("2"), item("3")));
    expect(state.items.map(({ id }) => id)).toEqual(["3", "2", "1"]);
  });

  test("is bounded, and counts what the nodes left out", () => {
    let state = EMPTY;
    for (let n = 0; n < KEPT + 50; n += 1) {
      state = take(state, { node: "n", notifications: [item(`${n}`)], left_out: 1 });
    }
    expect(state.items).toHaveLength(KEPT);
    expect(state.items[0]?.id).toBe(`${KEPT + 49}`);
    expect(state.leftOut).toBe(KEPT + 50);
  });

  test("is filtered by type exactly and by the beginning of the room", () => {
    const items = [item("1", "user:ann", "A"), item("2", "user:bob", "B"), item("3", "topic:deals", "A")];
    const ids = (type: string, room: string) => filtered(items, { type, room, by: "" }).map(({ id }) => id);
    expect(ids("A", "")).toEqual(["1", "3"]);
    expect(ids("", " USER:")).toEqual(["1", "2"]);
    expect(ids("A", "user:")).toEqual(["1"]);
    expect(filtered(items, { type: "", room: "", by: "" })).toBe(items);
    expect(typesIn(items)).toEqual(["A", "B"]);
    const told = items.map((each, at) => ({ ...each, by: at ? "shop" : null }));
    expect(filtered(told, { type: "", room: "", by: "shop" })).toHaveLength(2);
    expect(servicesIn(told)).toEqual(["shop"]);
  });
});
