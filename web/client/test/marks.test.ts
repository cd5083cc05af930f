/** What a person did, shown at once and told in few requests, and the count of the unread. */

import { describe, it } from "vitest";
import { token } from "./gateway.ts";
import { eventually, expect, gateway, loaded, ready } from "./support.ts";

describe("marks", () => {
  it("show at once and reach the gateway as one request", async () => {
    const server = await gateway();
    const ids = ["one", "two", "three"].map((title) => server.emit("user:ann", title).id);
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.read(ids[0] as string);
    ann.inbox.read(ids[1] as string);
    await ann.until((s) => s.unread === 1);
    await eventually(() => expect(server.asked.filter(([e]) => e === "read")).toHaveLength(1));

    expect(server.asked.at(-1)).toEqual(["read", { ids: ids.slice(0, 2) }]);
    expect(ann.now().items.map((n) => n.read)).toEqual([false, true, true]);
  });

  it("tell of a link that was followed, which is read by it", async () => {
    const server = await gateway();
    const [one, two] = ["one", "two"].map((title) => server.emit("user:ann", title).id) as [string, string];
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.click(one);
    ann.inbox.click(two);
    ann.inbox.click(one);
    await ann.until((s) => s.unread === 0);
    await eventually(() => expect([...server.clicked]).toEqual([one, two]));

    expect(server.asked.filter(([e]) => e === "click")).toEqual([
      ["click", { id: one }],
      ["click", { id: two }],
    ]);
    expect(ann.now().items.map((n) => [n.read, n.seen, n.clicked])).toEqual([
      [true, true, true],
      [true, true, true],
    ]);
  });

  it("are sent a hundred ids at a time", async () => {
    const server = await gateway();
    for (let n = 1; n <= 250; n++) server.emit("user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann"), pageSize: 100 });
    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 200 && !s.loading);

    ann.inbox.seen(...ann.now().items.map((n) => n.id));
    await eventually(() => expect(server.asked.filter(([e]) => e === "seen")).toHaveLength(2));

    expect(server.asked.filter(([e]) => e === "seen").map(([, { ids }]) => (ids as string[]).length)).toEqual(
      [100, 100],
    );
    expect(ann.now().unread).toBe(250);
  });

  it("made elsewhere show when the gateway can tell which, also behind a tunnel", async () => {
    const server = await gateway();
    const ids = ["one", "two"].map((title) => server.emit("user:ann", title).id) as [string, string];
    const ann = await ready({ url: server.url, token: token("ann") });
    let refusals = 0;
    server.fail = (event) => (event === "history" && !refusals++ ? "unavailable" : undefined);

    server.readElsewhere(ids[0]);
    await ann.until((s) => s.unread === 1 && !!s.items[1]?.read);
    expect(refusals).toBeGreaterThan(1);

    server.readElsewhere(ids[1]);
    await ann.until((s) => s.unread === 0);
    await server.stop();
    await ann.until((s) => s.state === "offline");
    expect(ann.now().items[0]?.read).toBe(false);
    await server.start();
    await ann.until((s) => !!s.items[0]?.read);
  });

  it("made while away are kept and sent on return", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");

    ann.inbox.read(one.id);
    await ann.until((s) => s.unread === 0);
    const before = ann.snapshots.length;
    await server.start();
    await eventually(() => expect(server.asked.at(-1)).toEqual(["read", { ids: [one.id] }]));
    await ann.until((s) => s.state === "ready");

    const badges = new Set(ann.snapshots.slice(before).map((s) => s.unread));
    expect(badges, "the badge never goes back to what the gateway has not yet heard of").toEqual(
      new Set([0]),
    );
  });

  it("of all, made while away, spare what nobody has seen yet", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");

    ann.inbox.readAll();
    await server.start();
    server.emit("user:ann", "two");
    await ann.until((s) => s.state === "ready" && s.items.length === 2 && s.unread === 1);

    expect(ann.now().items.map((n) => [n.title, n.read])).toEqual([
      ["two", false],
      ["one", true],
    ]);
  });

  it("of all set the badge to nothing", async () => {
    const server = await gateway();
    for (let n = 1; n <= 30; n++) server.emit("user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann") });
    expect(ann.now().unread).toBe(30);

    ann.inbox.readAll();
    await ann.until((s) => s.unread === 0);
    await eventually(() => expect(server.asked.at(-1)).toEqual(["read", { all: true }]));

    expect(ann.now().items.every((n) => n.read)).toBe(true);
  });

  it("made on another device show in the badge and in the list", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    server.readElsewhere(one.id);
    await ann.until((s) => s.items[0]?.read === true);

    expect(ann.now().unread).toBe(0);
  });

  it("that the gateway refuses are taken back", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    server.fail = (event) => (event === "read" ? "not_found" : undefined);

    ann.inbox.read(one.id);
    await eventually(() => expect(server.asked.map(([e]) => e)).toEqual(["history", "read", "history"]));
    await ann.until((s) => !s.loading && s.unread === 1 && s.items[0]?.read === false);
  });

  it("whose answer a drain has swallowed are made again", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    let drained = 0;
    server.meanwhile = (event) => void (event === "read" && !drained++ && server.close("draining", true));

    ann.inbox.read(one.id);
    await eventually(() => expect(server.asked.filter(([e]) => e === "read")).toHaveLength(2));
    await ann.until((s) => loaded(s) && s.unread === 0);

    expect(ann.snapshots.filter((s) => s.unread > 0 && s.items[0]?.read)).toEqual([]);
  });

  it("that come too fast are tried again", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    let refusals = 0;
    server.fail = (event) => (event === "read" && !refusals++ ? "rate_limited" : undefined);

    ann.inbox.read(one.id);
    await eventually(() => expect(server.asked.filter(([e]) => e === "read")).toHaveLength(2));

    expect(ann.now().items[0]?.read).toBe(true);
  });

  it("dismiss for good, also from a page that was on its way", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    server.emit("user:ann", "two");
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.dismiss(one.id);
    await ann.until((s) => s.items.length === 1 && s.unread === 1);
    await eventually(() => expect(server.asked.at(-1)).toEqual(["dismiss", { ids: [one.id] }]));

    expect(ann.titles()).toEqual(["two"]);
  });

  it("recall takes it out of list and badge", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    server.recall(one.id);
    await ann.until((s) => s.items.length === 0);

    expect(ann.now().unread).toBe(0);
  });
});

describe("the count of the unread", () => {
  it("has what came between the gateway's counting and its answer", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    server.meanwhile = (event) => void (event === "read" && server.emit("user:ann", "two"));

    ann.inbox.read(one.id);
    await ann.until((s) => s.items.length === 2);
    // A later request's answer comes behind that of the mark.
    ann.inbox.setFilter({ type: ["NOTE"] });
    await ann.until(loaded);

    expect(ann.now().unread).toBe(1);
  });

  it("has what came while all was marked, and lists as read what the gateway marked", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });
    server.meanwhile = (event) => void (event === "read" && server.emit("all", "two"));

    server.emit("user:ann", "on its way", { silent: true });
    ann.inbox.readAll();
    await ann.until((s) => s.items.some((n) => n.title === "two"));
    ann.inbox.setFilter({ type: ["NOTE"] });
    await ann.until((s) => loaded(s) && s.items.length === 3);

    expect(ann.now().unread).toBe(1);
    expect(ann.now().items.map((n) => [n.title, n.read])).toEqual([
      ["two", false],
      ["on its way", true],
      ["one", true],
    ]);
  });

  it("counts once what was counted before it arrived", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    const two = server.emit("user:ann", "two", { silent: true });
    server.emit("all", "three", { silent: true });
    server.readElsewhere(one.id);
    await ann.until((s) => s.unread === 2);
    server.tell("notification", two);
    await eventually(() => expect(ann.told.map((n) => n.title)).toEqual(["two"]));

    expect(ann.now().unread).toBe(2);
  });

  it("does not go back to an older one that comes late", async () => {
    const server = await gateway();
    const [one, two] = ["one", "two"].map((title) => server.emit("user:ann", title));
    const ann = await ready({ url: server.url, token: token("ann") });

    server.readElsewhere(one?.id as string, two?.id as string);
    await ann.until((s) => s.unread === 0);
    server.tell("inbox", { unread: 1, heads: { "user:ann": 2, all: 0 } });
    server.emit("user:ann", "three");
    await ann.until((s) => s.items.length === 3);
    expect(ann.now().unread).toBe(1);

    server.tell("inbox", { unread: 2, heads: { "user:ann": 2, all: 0 } });
    server.emit("user:ann", "four");
    await ann.until((s) => s.items.length === 4);
    expect(ann.now().unread).toBe(2);
  });

  it("takes one over other rooms, which a newer token may have brought", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    server.tell("inbox", { unread: 5, heads: { "user:ann": 1, all: 0, "topic:deals": 4 } });
    await ann.until((s) => s.unread === 5);
    server.tell("inbox", { unread: 1, heads: { "user:ann": 1, all: 0 } });
    await ann.until((s) => s.unread === 1);
  });

  it("keeps what is let go of", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann"), keep: 20 });

    for (let n = 1; n <= 30; n++) server.emit("user:ann", `new ${n}`);
    await ann.until((s) => s.items[0]?.title === "new 30");

    expect(ann.titles()).toHaveLength(20);
    expect(ann.now().unread).toBe(30);
  });

  it("of a gateway that does not tell what it covers is taken as it is", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    server.tell("inbox", { unread: 0 });
    await ann.until((s) => s.unread === 0);
  });
});
