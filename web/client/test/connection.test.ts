/** The connection: return, refusal, token, patience. */

import { describe, it, vi } from "vitest";
import { backoff, patience } from "../src/backoff.ts";
import { connect } from "../src/index.ts";
import { token } from "./gateway.ts";
import { atEnd, eventually, expect, gateway, loaded, ready, watch } from "./support.ts";

describe("coming back", () => {
  it("brings exactly what was missed, in order and once", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "one");
    await ann.until((s) => s.items.length === 1);

    await server.stop();
    await ann.until((s) => s.state === "offline");
    await server.start();
    server.emit("user:ann", "two");
    server.emit("all", "three");
    await ann.until((s) => s.state === "ready" && s.items.length === 3);

    expect(ann.told.map((n) => n.title)).toEqual(["one", "two", "three"]);
    expect(server.greeted.at(-1)).toEqual({ "user:ann": 1, all: 0 });
    expect(ann.now().unread).toBe(3);
    expect(server.asked.filter(([e]) => e === "history")).toHaveLength(1);
  });

  it("shows no more what was dismissed or recalled meanwhile, also where that was the newest", async () => {
    const server = await gateway();
    const [one, , three] = ["one", "two", "three"].map((title) => server.emit("user:ann", title));
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");

    server.recall(three?.id as string);
    server.dismissElsewhere(one?.id as string);
    await server.start();
    await ann.until((s) => loaded(s) && s.unread === 1 && s.items.length === 1);

    expect(ann.titles()).toEqual(["two"]);
  });

  it("after more than a replay holds begins the list anew", async () => {
    const server = await gateway();
    server.replayLimit = 3;
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");

    await server.start();
    for (let n = 1; n <= 25; n++) server.emit("user:ann", `number ${n}`);
    await ann.until((s) => loaded(s) && s.items.length === 20);

    expect(ann.titles()[0]).toBe("number 25");
    expect(ann.now().unread).toBe(25);
    expect(ann.now().hasMore).toBe(true);
  });

  it("to a gateway whose store is new forgets what was of the old", async () => {
    const server = await gateway();
    for (let n = 1; n <= 5; n++) server.emit("user:ann", `old ${n}`);
    const ann = await ready({ url: server.url, token: token("ann") });
    await server.stop();
    await ann.until((s) => s.state === "offline");

    server.forget();
    await server.start();
    server.emit("user:ann", "new");
    await ann.until((s) => loaded(s) && s.items.length === 1);
    server.emit("user:ann", "newer");
    await ann.until((s) => s.items.length === 2);

    expect(ann.titles()).toEqual(["newer", "new"]);
  });

  it("waits as long as the gateway asked for", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    const before = Date.now();

    server.close("draining", true, 2);
    const away = await ann.until((s) => s.state === "offline");

    expect(away.reason).toBe("draining");
    expect((away.retryAt as number) - before).toBeGreaterThanOrEqual(2_000);
    expect((away.retryAt as number) - before).toBeLessThan(3_500);
    await ann.until((s) => s.state === "ready");
  });

  it("is tried at once when the network is back", async () => {
    const server = await gateway();
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    atEnd(() => vi.unstubAllGlobals());
    const ann = await ready({ url: server.url, token: token("ann") });
    server.close("draining", true, 3600);
    await ann.until((s) => s.state === "offline");

    page.dispatchEvent(new Event("online"));

    await ann.until((s) => s.state === "ready");
  });

  it("is slower each time, to half a minute, and never the same", () => {
    const waits = Array.from({ length: 12 }, (_, attempt) => backoff(attempt));

    waits.forEach((wait, attempt) => {
      const most = Math.min(30_000, 1_000 * 2 ** attempt);
      expect(wait).toBeGreaterThanOrEqual(most / 2);
      expect(wait).toBeLessThanOrEqual(most);
    });
    expect(new Set(Array.from({ length: 20 }, () => backoff(5))).size).toBe(20);
    expect(patience(4)).toBeGreaterThanOrEqual(4_000);
  });
});

describe("a refusal", () => {
  it("that is final stops it, and says why", async () => {
    const server = await gateway();
    server.refuse = () => ({ code: "invalid_token", retry: false });
    const ann = watch({ url: server.url, token: token("ann") });

    const end = await ann.until((s) => s.state === "stopped");

    expect(end.reason).toBe("invalid_token");
    expect(server.tokens).toHaveLength(1);
  });

  it("that is not final is tried again", async () => {
    const server = await gateway();
    server.refuse = () => (server.tokens.length < 2 ? { code: "rate_limited", retry: true } : undefined);
    const ann = watch({ url: server.url, token: token("ann") });

    expect((await ann.until((s) => s.retryAt !== null)).reason).toBe("rate_limited");
    await ann.until((s) => s.state === "ready");

    expect(server.tokens).toHaveLength(2);
  });

  it("of an ended token is answered with a fresh one", async () => {
    const server = await gateway();
    let serial = 0;
    server.refuse = (given) =>
      given === token("ann", 1) ? { code: "expired_token", retry: false } : undefined;
    const ann = watch({ url: server.url, getToken: () => token("ann", ++serial) });

    await ann.until((s) => s.state === "ready");

    expect(server.tokens).toEqual([token("ann", 1), token("ann", 2)]);
  });

  it("of the fresh token too stops it", async () => {
    const server = await gateway();
    let serial = 0;
    server.refuse = () => ({ code: "invalid_token", retry: false });
    const ann = watch({ url: server.url, getToken: () => token("ann", ++serial) });

    await ann.until((s) => s.state === "stopped");

    expect(server.tokens).toHaveLength(2);
  });

  it("is not repeated with the same token", async () => {
    const server = await gateway();
    server.refuse = () => ({ code: "expired_token", retry: false });
    const ann = watch({ url: server.url, getToken: () => token("ann") });

    await ann.until((s) => s.state === "stopped");

    expect(server.tokens).toHaveLength(1);
  });

  it("can be overcome by the user's wish", async () => {
    const server = await gateway();
    const ann = await ready({ url: server.url, token: token("ann") });
    server.close("replaced", false);
    expect((await ann.until((s) => s.state === "stopped")).reason).toBe("replaced");

    ann.inbox.reconnect();

    await ann.until((s) => s.state === "ready");
  });
});

describe("the token", () => {
  it("is renewed on the live connection before it ends", async () => {
    const server = await gateway();
    let serial = 0;
    const ann = await ready({ url: server.url, getToken: () => token("ann", ++serial) });

    server.tell("token:expiring", { expires_at: "" });
    await eventually(() => expect(server.asked.at(-1)).toEqual(["token", { token: token("ann", 2) }]));

    expect(ann.now().state).toBe("ready");
    expect(server.greeted).toHaveLength(1);
  });

  it("that ended the connection is replaced", async () => {
    const server = await gateway();
    let serial = 0;
    const ann = await ready({ url: server.url, getToken: () => token("ann", ++serial) });

    server.close("token_expired", false);
    await eventually(() => expect(server.greeted).toHaveLength(2));
    await ann.until((s) => s.state === "ready");

    expect(server.tokens).toEqual([token("ann", 1), token("ann", 2)]);
  });

  it("that cannot be had is asked for again", async () => {
    const server = await gateway();
    let asked = 0;
    const ann = watch({
      url: server.url,
      getToken: async () => {
        if (++asked < 3) throw new Error("the shop is down");
        return token("ann");
      },
    });

    expect((await ann.until((s) => s.retryAt !== null)).reason).toBe("token_unavailable");
    await ann.until((s) => s.state === "ready");
  });

  it("that never comes is asked for again", async () => {
    const server = await gateway();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let asked = 0;
    const ann = watch({
      url: server.url,
      getToken: () => (++asked > 1 ? token("ann") : new Promise<string>(() => {})),
    });

    expect(asked).toBe(1);
    vi.advanceTimersByTime(30_000);
    vi.useRealTimers();

    await ann.until((s) => s.state === "ready");
    expect(asked).toBe(2);
  });

  it("that was never there stops it", async () => {
    const ann = watch({ url: "http://127.0.0.1:9" });

    expect((await ann.until((s) => s.state === "stopped")).reason).toBe("missing_token");
  });
});

it("a reload goes on where the page was", async () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  });
  atEnd(() => vi.unstubAllGlobals());
  const server = await gateway();
  const before = await ready({ url: server.url, token: token("ann") });
  server.emit("user:ann", "one");
  await before.until((s) => s.items.length === 1);
  before.inbox.close();

  server.emit("user:ann", "two");
  const after = await ready({ url: server.url, token: token("ann") });

  expect(after.titles()).toEqual(["two", "one"]);
  expect(after.told.map((n) => n.title)).toEqual(["two"]);
});

describe("a store that was put back", () => {
  it("is taken up anew, though its numbers go on past those that were had", async () => {
    const server = await gateway();
    server.epoch = "first";
    for (const title of ["one", "two", "three"]) server.emit("user:ann", title);
    const ann = await ready({ url: server.url, token: token("ann") });

    await server.stop();
    server.putBack(1, "second");
    for (const title of ["two anew", "three anew", "four anew"]) server.emit("user:ann", title);
    await server.start();
    await ann.until((s) => s.state === "ready" && s.items[0]?.title === "four anew");

    expect(server.greeted.at(-1)).toEqual({ "user:ann": 3, all: 0, epoch: "first" });
    expect(ann.titles()).toEqual(["four anew", "three anew", "two anew", "one"]);
    expect(ann.now().unread).toBe(4);
    server.emit("user:ann", "five anew");
    await ann.until((s) => s.items[0]?.title === "five anew");
    expect(ann.told.map((n) => n.title)).toEqual(["five anew"]);
  });

  it("is remembered over a reload", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("sessionStorage", {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
    });
    atEnd(() => vi.unstubAllGlobals());
    const server = await gateway();
    server.epoch = "first";
    const before = await ready({ url: server.url, token: token("ann") });
    server.emit("user:ann", "one");
    await before.until((s) => s.items.length === 1);
    before.inbox.close();

    server.putBack(0, "second");
    server.emit("user:ann", "one anew");
    server.emit("user:ann", "two anew");
    const after = await ready({ url: server.url, token: token("ann") });

    expect(server.greeted.at(-1)).toMatchObject({ "user:ann": 1, epoch: "first" });
    expect(after.titles()).toEqual(["two anew", "one anew"]);
    expect(after.now().unread).toBe(2);
  });

  it("of a gateway that tells no epoch is left to the numbers", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    const ann = await ready({ url: server.url, token: token("ann") });

    await server.stop();
    server.emit("user:ann", "two");
    await server.start();
    await ann.until((s) => s.state === "ready" && s.items.length === 2);

    expect(server.greeted.at(-1)).toEqual({ "user:ann": 1, all: 0 });
    expect(ann.told.map((n) => n.title)).toEqual(["two"]);
  });
});

it("another user's token begins another inbox, without what was the former user's", async () => {
  const server = await gateway();
  server.emit("user:bob", "for bob");
  const { id } = server.emit("user:ann", "for ann");
  let user = "ann";
  const page = await ready({ url: server.url, getToken: () => token(user) });
  page.inbox.read(id);
  await page.until((s) => s.unread === 0 && s.items.length === 1);

  user = "bob";
  server.close("token_expired", false);
  await page.until((s) => loaded(s) && s.user === "bob");

  expect(page.titles()).toEqual(["for bob"]);
  expect(page.now().unread).toBe(1);
});

it("an inbox that was closed is silent", async () => {
  const server = await gateway();
  const ann = await ready({ url: server.url, token: token("ann") });
  const bob = await ready({ url: server.url, token: token("bob") });

  ann.inbox.close();
  const before = ann.snapshots.length;
  server.emit("all", "one");
  await bob.until((s) => s.items.length === 1);

  expect(ann.snapshots).toHaveLength(before);
  await eventually(() => expect(server.sockets).toHaveLength(1));
});

describe("an address", () => {
  it("with a path is refused in words, since Socket.IO would take that for a namespace", () => {
    for (const url of ["https://shop.example/notify", "https://shop.example/notify/", "/notify"])
      expect(() => connect({ url, token: token("ann") })).toThrow(/option path: "\/notify\/socket\.io\/"/);
  });

  it("without one goes with the path of the option", async () => {
    const server = await gateway("/notify/socket.io/");

    const ann = await ready({ url: server.url, path: "/notify/socket.io/", token: token("ann") });

    expect(ann.now().user).toBe("ann");
  });
});
