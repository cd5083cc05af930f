import { subject } from "@bellhop/client";
import { describe, expect, test } from "vitest";
import { sheet } from "../src/download.ts";
import { BLANK, bodyOf, errorOf, PATTERNS, roomsOf } from "../src/draft.ts";
import { EMPTY, filtered, KEPT, servicesIn, take, typesIn, withEarlier } from "../src/feed.ts";
import { placeOf, withParameter } from "../src/fragment.ts";
import { merged } from "../src/live.ts";
import type { FeedItem, Notification, Online, Point, Roster } from "../src/protocol.ts";
import { begin, extend, joined, left } from "../src/roster.ts";
import { href, parse, type Route, userOf } from "../src/route.ts";
import { bucketed, scale, stretches, sum, windowOf, within } from "../src/series.ts";
import { Store } from "../src/store.ts";
import { looksLikeToken, tokenInFragment } from "../src/token.ts";
import { iconOf, since, titleOf, toneOf, wordsOf } from "../src/traceline.ts";
import { idIn, NO_SEARCH, wanted } from "../src/tracesearch.ts";
import { ago, figure, humane, initials, milliseconds, openOnes, plural } from "../src/words.ts";

const AT = "2026-01-01T12:00:00.000Z";

describe("the route", () => {
  const routes: Route[] = [
    { page: "overview" },
    { page: "online" },
    { page: "nodes" },
    { page: "feed", room: "", type: "", by: "" },
    { page: "feed", room: "user:a b&c", type: "", by: "" },
    { page: "feed", room: "", type: "SALE", by: "shop" },
    {
      page: "trace",
      id: null,
      user: "ann",
      type: "SALE",
      service: "a&b",
      key: "k=1",
      since: "2026-11-26",
      until: "",
    },
    { page: "trace", id: "01900000-0000-7000-8000-000000000000", ...NO_SEARCH },
    {
      page: "audit",
      by: "user:ann",
      operation: "recall",
      target: "user:bob",
      since: "",
      until: "2026-11-27",
    },
    { page: "users", user: null },
    { page: "users", user: "a/b?c#d%e ü" },
    { page: "mail", state: "dead", find: "", since: "", until: "" },
    { page: "mail", state: "", find: "ann+x@b.example", since: "2026-11-26", until: "2026-11-27" },
    { page: "suppressions", address: "a&b@c.example", scope: "lane:bulk" },
    { page: "statistics", span: "1y", type: "ORDER_UPDATE", channel: "in_app" },
    { page: "types", type: null, view: "" },
    { page: "types", type: "ORDER_UPDATE", view: "preview" },
    { page: "compose", to: "user:ann", type: "" },
    { page: "compose", to: "", type: "REVIEW" },
  ];
  test.each(routes)("survives the address bar: %o", (route) => {
    expect(parse(href(route))).toEqual(route);
  });

  test("keeps what is looked for in a list, beside what else it says", () => {
    const fragment = withParameter("#/users", "find", "Ann & Bob=ü");

    expect(placeOf(fragment).said("find")).toBe("Ann & Bob=ü");
    expect(parse(fragment)).toEqual({ page: "users", user: null });
    expect(withParameter(fragment, "find", "")).toBe("#/users");
    expect(withParameter("#/types/A?view=mail", "find", "x")).toBe("#/types/A?view=mail&find=x");
    expect(placeOf("").said("find")).toBe("");
  });

  test("of anything else is the overview", () => {
    for (const text of ["", "#", "#/", "#/nowhere", "#token"])
      expect(parse(text)).toEqual({ page: "overview" });
  });

  test("takes a user id that cannot be decoded as it stands", () => {
    expect(parse("#/users/100%")).toEqual({ page: "users", user: "100%" });
  });

  test("knows whose room it is", () => {
    expect([userOf("user:a:b"), userOf("topic:x"), userOf("all")]).toEqual(["a:b", null, null]);
  });
});

describe("the token", () => {
  test("is found in the fragment and nowhere else", () => {
    expect(tokenInFragment("#token=ab.c-d.e_f")).toBe("ab.c-d.e_f");
    expect(tokenInFragment("#/users/token=x")).toBeNull();
    expect(tokenInFragment("#token=<script>")).toBeNull();
  });

  test("tells whose it is, and of nonsense that it is nobody's", () => {
    const claims = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

    expect(subject(`e30.${claims({ sub: "Zoë?~ 42" })}.x`)).toBe("Zoë?~ 42");
    expect(subject(`e30.${claims(null)}.x`)).toBeUndefined();
    expect(subject("e30.?.x")).toBeUndefined();
    expect(subject("")).toBeUndefined();
  });

  test("has three parts", () => {
    expect([looksLikeToken("a.b.c"), looksLikeToken("a.b"), looksLikeToken("a b.c.d")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("the roster", () => {
  const person = (user: string): Online => ({ user, name: null, roles: [], connections: 1, since: AT });
  const page = (users: string[], next: string | null = null): Roster => ({
    online: users.map(person),
    users: users.length,
    connections: users.length,
    next,
  });
  const ids = (held: { online: readonly Online[] }) => held.online.map(({ user }) => user);
  const come = (user: string) => ({ user, name: null, roles: [], at: AT });

  test("takes in who comes, in order, and lets go who leaves", () => {
    let held = begin("", page(["ann", "cid"]));
    held = joined(held, come("bob"));
    held = left(held, { user: "ann", at: AT });
    expect(ids(held)).toEqual(["bob", "cid"]);
    expect([held.users, held.connections]).toEqual([2, 2]);
  });

  test("does not show who comes beyond what is loaded, nor who does not fit the search", () => {
    expect(ids(joined(begin("", page(["ann", "bob"], "bob")), come("zoe")))).toEqual(["ann", "bob"]);
    expect(ids(joined(begin("", page(["ann", "cid"], "cid")), come("bob")))).toEqual(["ann", "bob", "cid"]);
    expect(ids(joined(begin("an", page(["ann"])), come("bob")))).toEqual(["ann"]);
  });

  test("holds nobody twice", () => {
    expect(ids(joined(begin("", page(["ann"])), come("ann")))).toEqual(["ann"]);
    expect(ids(extend(begin("", page(["ann", "bob"], "bob")), page(["bob", "cid"])))).toEqual([
      "ann",
      "bob",
      "cid",
    ]);
  });
});

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

test("what waits for an answer is named by its type, where that is one", () => {
  expect(openOnes(["COMPLAINT"])).toBe("open complaint");
  expect(openOnes(["NEW_COMPLAINT"])).toBe("open complaint");
  expect(openOnes(["RETURN_REQUEST", "RETURN_REQUEST"])).toBe("open return requests");
  expect(openOnes(["COMPLAINT", "RETURN_REQUEST"])).toBe("open notifications");
});

test("what waits for an answer is merged, the newest first", () => {
  const one = (id: string) => ({ id }) as Notification;
  expect(merged([one("b"), one("a")], [one("c"), one("b")]).map(({ id }) => id)).toEqual(["c", "b", "a"]);
});

describe("a series", () => {
  const now = Date.parse("2026-01-01T12:00:30.000Z");

  test("falls into the buckets that end with the present one", () => {
    const window = windowOf(now, 3, 60);
    const at = ["11:57:00", "11:58:10", "12:00:00", "12:00:10"].map((time) => `2026-01-01T${time}.000Z`);
    expect(bucketed(window, at, [100, 1, 2, 3], sum)).toEqual([1, 2, 3]);
  });

  test("counts as much in all as in its buckets", () => {
    const window = windowOf(now, 3, 60);
    const at = ["11:57:00", "11:58:00", "11:58:10", "12:01:00", "12:01:10"].map(
      (time) => `2026-01-01T${time}.000Z`,
    );
    expect(within(window, at)).toEqual([false, false, true, true, false]);
    expect(bucketed(window, at, [1, 1, 1, 1, 1], sum)).toEqual([1, null, 1]);
  });

  test("has gaps where nothing was measured", () => {
    const window = windowOf(now, 2, 60);
    expect(bucketed(window, ["2026-01-01T12:00:10.000Z"], [null], sum)).toEqual([null, null]);
    expect(stretches([null, 1, 2, null, 3])).toEqual([
      [
        [1, 1],
        [2, 2],
      ],
      [[4, 3]],
    ]);
  });

  test.each([0, 1, 3, 7, 9.9, 99, 1234, 0.004])("has a scale of round numbers over %d", (value) => {
    const { top, marks } = scale(value, false);
    expect(top).toBeGreaterThanOrEqual(value);
    expect(marks.length).toBeLessThanOrEqual(6);
    expect(marks.at(-1)).toBeCloseTo(top);
  });

  test.each([1, 2, 3, 5, 9, 10, 11, 99, 100, 1234])("has whole marks over %d whole things", (value) => {
    const { top, marks } = scale(value, true);
    expect(top).toBeGreaterThanOrEqual(value);
    expect(marks.length).toBeLessThanOrEqual(6);
    expect(marks.filter((mark) => !Number.isInteger(mark))).toEqual([]);
  });
});

describe("a draft", () => {
  test("becomes the shortest body that says the same", () => {
    const { body, errors } = bodyOf({ ...BLANK, to: "user:ann", title: "Hi", mail: "yes" });
    expect(errors).toEqual({});
    expect(body).toEqual({ to: "user:ann", type: "ANNOUNCEMENT", title: "Hi", email: true });
  });

  test("says all that was filled in", () => {
    const { body } = bodyOf({
      ...BLANK,
      to: "user:a, user:b c\nuser:a",
      title: "Hi",
      data: '{"n": 1}',
      mail: "yes",
      subject: "S",
      afterMinutes: "1.5",
      unless: "read",
      keep: false,
    });
    expect(body).toMatchObject({
      to: ["user:a", "user:b c"],
      data: { n: 1 },
      store: false,
      email: { subject: "S", after: 90, unless: "read" },
    });
  });

  test("is told what cannot be asked for, and asks for the rest, so that all is judged at once", () => {
    const { body, errors } = bodyOf({
      ...BLANK,
      data: "[1]",
      link: "javascript:alert(1)",
      mail: "yes",
      afterMinutes: "soon",
    });
    expect(Object.keys(errors).sort()).toEqual(["data", "email.after", "title", "to"]);
    expect(body).toEqual({
      to: [],
      type: "ANNOUNCEMENT",
      title: "",
      link: "javascript:alert(1)",
      email: true,
    });
    expect(roomsOf(" , \n")).toEqual([]);
  });

  test("of a type of the catalog leaves to it the words and the mail", () => {
    const draft = { ...BLANK, to: "user:ann", type: "REVIEW" };
    const data = { product: "Lamp" };
    expect(bodyOf(draft, data)).toEqual({ body: { to: "user:ann", type: "REVIEW", data }, errors: {} });
    expect(bodyOf({ ...draft, mail: "no", locale: "de", title: "Mine" }, data).body).toMatchObject({
      title: "Mine",
      locale: "de",
      email: false,
    });
  });

  test("finds its errors under a field and its inner ones", () => {
    const errors = { "to.0": ["Bad."], "to.1": ["Bad."], total: ["No."] };
    expect(errorOf(errors, "to")).toBe("Bad.");
    expect(errorOf(errors, "title")).toBeNull();
  });

  test.each(PATTERNS)("of the pattern $name is sound once it has a room", ({ draft }) => {
    expect(bodyOf({ ...BLANK, to: "user:ann", ...draft }).errors).toEqual({});
  });
});

test("a store tells its listeners of changes only, until they go", () => {
  const store = new Store(1);
  let told = 0;
  const stop = store.subscribe(() => {
    told += 1;
  });
  store.set(1);
  store.update((value) => value + 1);
  stop();
  store.set(9);
  expect([told, store.get()]).toEqual([1, 9]);
});

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

describe("a file for a spreadsheet", () => {
  test("quotes what needs it, and holds no formula", () => {
    expect(sheet([["a,b", 'say "x"', null, 7, "=1+1", "-2", "@x"]])).toBe(
      `"a,b","say ""x""",,7,'=1+1,'-2,'@x\n`,
    );
  });
});
