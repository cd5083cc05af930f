/** The inbox over one connection: order, repetition, holes, and what takes the place of another. */

import { describe, it } from "vitest";
import { token } from "./gateway.ts";
import { eventually, expect, gateway, loaded, ready } from "./support.ts";

describe("what arrives", () => {
  it("is listed newest first and told oldest first", async () => {
    const server = await gateway();
    server.emit("user:ann", "old");
    const ann = await ready({ url: server.url, token: token("ann") });

    server.emit("user:ann", "one");
    server.emit("all", "two");
    await ann.until((s) => s.items.length === 3);

    expect(ann.titles()).toEqual(["two", "one", "old"]);
    expect(ann.told.map((n) => n.title)).toEqual(["one", "two"]);
    expect(ann.now().unread).toBe(3);
    expect(ann.now().user).toBe("ann");
  });

  it("is taken once when the gateway sends it twice", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });

    const one = server.emit("user:ann", "one");
    server.tell("notification", one);
    server.emit("user:ann", "two");
    await ann.until((s) => s.items.length === 2);

    expect(ann.told.map((n) => n.title)).toEqual(["one", "two"]);
    expect(ann.now().unread).toBe(2);
  });

  it("is told but neither listed nor counted when it is not kept", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });

    server.emit("user:ann", "typing", { store: false });
    await eventually(() => expect(ann.told.map((n) => n.title)).toEqual(["typing"]));

    expect(ann.now().items).toEqual([]);
    expect(ann.now().unread).toBe(0);
  });

  it("costs one change per frame however much it is", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    const before = ann.snapshots.length;
    const started = performance.now();

    for (let n = 1; n <= 1000; n++) server.emit("user:ann", `number ${n}`);
    await ann.until((s) => s.items.length === 1000);

    const frames = (performance.now() - started) / 16;
    expect(ann.snapshots.length - before).toBeLessThanOrEqual(Math.ceil(frames) + 1);
    expect(ann.told.map((n) => n.seq)).toEqual(Array.from({ length: 1000 }, (_, n) => n + 1));
    expect(ann.now().unread).toBe(1000);
  });

  it("pushes the oldest out when as many are kept as may be", async () => {
    const server = await gateway();
    for (let n = 1; n <= 30; n++) server.emit("user:ann", `old ${n}`);
    const ann = await ready({ url: server.url, token: token("ann"), keep: 25 });
    expect(ann.now().hasMore).toBe(true);

    for (let n = 1; n <= 10; n++) server.emit("user:ann", `new ${n}`);
    await ann.until((s) => s.items[0]?.title === "new 10");

    expect(ann.titles()).toHaveLength(25);
    expect(ann.titles().at(-1)).toBe("old 16");
    expect(ann.now().hasMore).toBe(false);
    expect(ann.now().unread).toBe(40);
  });

  it("leaves no hole where the oldest alone is pushed out", async () => {
    const server = await gateway();
    for (let n = 1; n <= 30; n++) server.emit("user:ann", `old ${n}`);
    const ann = await ready({ url: server.url, token: token("ann"), keep: 20 });

    server.emit("user:ann", "new");
    await ann.until((s) => s.items[0]?.title === "new");

    expect(ann.titles().at(-1)).toBe("old 12");
    expect(ann.now().hasMore).toBe(false);
  });

  it("pushes nothing out for what it takes the place of", async () => {
    const server = await gateway();
    const old = Array.from({ length: 10 }, (_, n) => server.emit("user:ann", `old ${n}`).title);
    const ann = await ready({ url: server.url, token: token("ann"), keep: 25 });

    for (let n = 1; n <= 40; n++) server.emit("user:ann", `new ${n}`, { collapse: "k" });
    await ann.until((s) => s.items[0]?.title === "new 40");

    expect(ann.titles()).toEqual(["new 40", ...old.reverse()]);
    expect(ann.now().unread).toBe(11);
    // What it was is known: nobody has to be asked how much is unread now.
    expect(server.asked.filter(([event]) => event === "replay")).toEqual([]);
  });

  it("leaves room for older ones where it is dismissed", async () => {
    const server = await gateway();
    for (let n = 1; n <= 80; n++) server.emit("user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann"), keep: 45 });
    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 40 && !s.loading);

    ann.inbox.dismiss(
      ...ann
        .now()
        .items.slice(10)
        .map((n) => n.id),
    );
    await ann.until((s) => s.items.length === 10);
    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 30 && !s.loading);

    expect(ann.titles().at(-1)).toBe("number 21");
    expect(ann.now().hasMore).toBe(true);
  });
});

describe("a hole in a room's stream", () => {
  it("is filled by a replay before what is behind it is shown", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "one");

    server.emit("user:ann", "two", { silent: true });
    server.emit("user:ann", "three", { silent: true });
    server.emit("user:ann", "four");
    server.emit("user:ann", "five");
    await ann.until((s) => s.items.length === 5);

    expect(ann.told.map((n) => n.title)).toEqual(["one", "two", "three", "four", "five"]);
    expect(server.asked.filter(([event]) => event === "replay")).toEqual([
      ["replay", { since: { "user:ann": 1 } }],
    ]);
    expect(ann.now().unread).toBe(5);
  });

  it("is passed over when nothing is left to fill it", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "one");
    await ann.until((s) => s.items.length === 1);

    const expired = server.emit("user:ann", "two", { silent: true });
    server.kept = server.kept.filter((n) => n !== expired);
    server.tell("notification", {
      ...expired,
      id: "0199a000-00ff-7000-8000-000000000000",
      seq: 3,
      title: "three",
    });
    await ann.until((s) => s.items.length === 2);

    expect(ann.told.map((n) => n.title)).toEqual(["one", "three"]);
  });

  it("begins the list anew when it is wider than a replay", async () => {
    const server = await gateway();
    server.replayLimit = 5;
    const ann = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "first");
    await ann.until((s) => s.items.length === 1);

    for (let n = 1; n <= 30; n++) server.emit("user:ann", `lost ${n}`, { silent: true });
    server.emit("user:ann", "last");
    await ann.until((s) => loaded(s) && s.items[0]?.title === "last");

    expect(ann.titles()).toHaveLength(20);
    expect(ann.titles()[1]).toBe("lost 30");
    expect(ann.now().hasMore).toBe(true);
  });
});

describe("what takes the place of an older one", () => {
  it("is shown in its place, counted once, and told as it comes", async () => {
    const server = await gateway();
    server.emit("user:ann", "placed", { collapse: "order" });
    server.emit("user:ann", "else");
    const ann = await ready({ url: server.url, token: token("ann") });
    expect(ann.now().unread).toBe(2);

    server.emit("user:ann", "packed", { collapse: "order" });
    server.emit("all", "another room's", { collapse: "order" });
    server.emit("user:ann", "shipped", { collapse: "order" });
    await ann.until((s) => s.items[0]?.title === "shipped");

    expect(ann.titles()).toEqual(["shipped", "another room's", "else"]);
    expect(ann.now().items[0]?.collapsed).toBe(3);
    expect(ann.now().unread).toBe(3);
    expect(ann.told.map((n) => n.title)).toEqual(["packed", "another room's", "shipped"]);
  });

  it("is unread, whatever was done with the older", async () => {
    const server = await gateway();
    const one = server.emit("user:ann", "one", { collapse: "k" });
    const ann = await ready({ url: server.url, token: token("ann") });
    ann.inbox.read(one.id);
    await ann.until((s) => s.unread === 0);

    server.emit("user:ann", "two", { collapse: "k" });
    await ann.until((s) => s.unread === 1);

    expect(ann.now().items.map((n) => [n.title, n.read])).toEqual([["two", false]]);
  });

  it("takes the place of what is not loaded, and the badge is as the gateway counts it", async () => {
    const server = await gateway();
    server.emit("user:ann", "far below", { collapse: "k" });
    for (let n = 1; n <= 30; n++) server.emit("user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann") });
    expect(ann.now().unread).toBe(31);

    server.emit("user:ann", "on top", { collapse: "k" });
    await ann.until((s) => s.items[0]?.title === "on top" && s.unread === 31);
    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 31 && !s.loading);

    expect(ann.titles().filter((title) => !title.startsWith("number"))).toEqual(["on top"]);
    expect(ann.now().unread).toBe(31);
  });

  it("stays the only one when a page that was on its way has the older", async () => {
    const server = await gateway();
    server.emit("user:ann", "below", { collapse: "k" });
    for (let n = 1; n <= 20; n++) server.emit("user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann") });
    server.meanwhile = (event) =>
      void (event === "history" && server.emit("user:ann", "new", { collapse: "k" }));

    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 21 && !s.loading);

    expect(ann.titles()[0]).toBe("new");
    expect(ann.titles()).not.toContain("below");
    await ann.until((s) => s.unread === 21);
  });

  it("is missed once, and fills a hole with what is left in it", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "one", { collapse: "k" });
    await ann.until((s) => s.items.length === 1);

    server.emit("user:ann", "two", { collapse: "k", silent: true });
    server.emit("user:ann", "three", { collapse: "k", silent: true });
    server.emit("user:ann", "else");
    await ann.until((s) => s.items.length === 2 && s.items[0]?.title === "else");

    expect(ann.titles()).toEqual(["else", "three"]);
    expect(ann.told.map((n) => n.seq)).toEqual([1, 3, 4]);
    expect(ann.now().unread).toBe(2);
  });
});

describe("what is muted", () => {
  it("is dropped where it comes to many, and counted by nobody", async () => {
    const server = await gateway();
    server.muted = ["TIP"];
    const ann = await ready({ url: server.url, token: token("ann") });

    server.emit("all", "tip", { type: "TIP" });
    server.emit("user:ann", "own", { type: "TIP" });
    server.emit("all", "note");
    await ann.until((s) => s.items.length === 2);

    expect(ann.titles()).toEqual(["note", "own"]);
    expect(ann.told.map((n) => n.title)).toEqual(["own", "note"]);
    expect(ann.now().unread).toBe(2);
    expect(
      server.asked.filter(([event]) => event === "replay"),
      "no hole is seen",
    ).toEqual([]);
  });

  it("goes at once when it is muted, and comes back when it is not", async () => {
    const server = await gateway();
    server.emit("all", "tip", { type: "TIP" });
    server.emit("all", "note");
    const ann = await ready({ url: server.url, token: token("ann") });
    expect(ann.now().unread).toBe(2);

    server.mute("TIP");
    await ann.until((s) => s.unread === 1 && !s.loading);
    expect(ann.titles()).toEqual(["note"]);
    server.emit("all", "another", { type: "TIP" });
    server.emit("all", "last");
    await ann.until((s) => s.items[0]?.title === "last");
    expect(ann.now().unread).toBe(2);

    server.mute();
    await ann.until((s) => s.unread === 4 && s.items.length === 4);
    expect(ann.titles()).toEqual(["last", "another", "note", "tip"]);
  });

  it("is known after a return, also when it has changed meanwhile", async () => {
    const server = await gateway();
    server.emit("all", "tip", { type: "TIP" });
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");
    server.muted = ["TIP"];

    await server.start();
    await ann.until((s) => s.state === "ready" && s.items.length === 0 && !s.loading);

    expect(ann.now().unread).toBe(0);
    server.emit("all", "another", { type: "TIP" });
    server.emit("all", "note");
    await ann.until((s) => s.items.length === 1);
    expect(ann.titles()).toEqual(["note"]);
  });
});
