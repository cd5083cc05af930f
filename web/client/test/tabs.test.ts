/** Several tabs of one user, and one connection. */

import { beforeEach, it, vi } from "vitest";
import { undismiss } from "../src/acts.ts";
import { token } from "./gateway.ts";
import { Locks } from "./locks.ts";
import { atEnd, eventually, expect, gateway, loaded, ready } from "./support.ts";

beforeEach(() => {
  vi.stubGlobal("navigator", { locks: new Locks() });
  atEnd(() => vi.unstubAllGlobals());
});

it("tabs of one user have one connection and the same inbox", async () => {
  const server = await gateway();
  server.emit("user:ann", "old");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  server.emit("user:ann", "one");
  await first.until((s) => s.items.length === 2);
  await second.until((s) => s.items.length === 2);

  expect(server.greeted).toHaveLength(1);
  expect(second.titles()).toEqual(["one", "old"]);
  expect(second.told.map((n) => n.title)).toEqual(["one"]);
  expect(second.now()).toMatchObject({ user: "ann", unread: 2, state: "ready" });
});

it("tabs of two users have a connection each", async () => {
  const server = await gateway();
  const ann = await ready({ url: server.url, token: token("ann") });
  const bob = await ready({ url: server.url, token: token("bob") });

  server.emit("user:bob", "for bob");
  await bob.until((s) => s.items.length === 1);

  expect(server.greeted).toHaveLength(2);
  expect(ann.now().items).toEqual([]);
});

it("what is muted is muted in all tabs, also in one that comes later", async () => {
  const server = await gateway();
  server.emit("all", "tip", { type: "TIP" });
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  server.mute("TIP");
  await first.until((s) => s.unread === 0 && s.items.length === 0 && !s.loading);
  await second.until((s) => s.unread === 0 && s.items.length === 0 && !s.loading);
  const third = await ready({ url: server.url, token: token("ann") });
  server.emit("all", "another", { type: "TIP" });
  server.emit("all", "note");

  for (const tab of [first, second, third]) {
    await tab.until((s) => s.items.length === 1);
    expect(tab.titles()).toEqual(["note"]);
    expect(tab.now().unread).toBe(1);
  }
});

it("tabs that do not want to share have a connection each", async () => {
  const server = await gateway();
  await ready({ url: server.url, token: token("ann"), share: false });
  await ready({ url: server.url, token: token("ann"), share: false });

  expect(server.greeted).toHaveLength(2);
});

it("what one tab marks is marked in the other without asking again", async () => {
  const server = await gateway();
  const [one, two] = ["one", "two", "three"].map((title) => server.emit("user:ann", title).id) as [
    string,
    string,
  ];
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  second.inbox.read(one);
  await first.until((s) => s.unread === 2);
  first.inbox.dismiss(two);
  await second.until((s) => s.unread === 1 && s.items.length === 2);
  await first.until((s) => s.items.some((n) => n.read));

  expect(second.now().items.map((n) => [n.title, n.read])).toEqual([
    ["three", false],
    ["one", true],
  ]);
  expect(first.now().items).toEqual(second.now().items);
  expect(server.asked.filter(([event]) => event === "history")).toHaveLength(2);
});

it("all that one tab reads is read in the other", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  second.inbox.readAll();

  await first.until((s) => s.unread === 0 && s.items[0]?.read === true);
});

it("what comes while one tab reads all is unread in every tab", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });
  server.meanwhile = (event) => void (event === "read" && server.emit("all", "two"));

  second.inbox.readAll();

  for (const tab of [first, second])
    await tab.until((s) => s.unread === 1 && !!s.items[1]?.read && s.items[0]?.read === false);
});

it("a tab that comes between a count and what it covers counts that once", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const first = await ready({ url: server.url, token: token("ann") });
  const two = server.emit("user:ann", "two", { silent: true });
  server.emit("user:ann", "three", { silent: true });
  server.readElsewhere(id);
  await first.until((s) => s.unread === 2);

  const second = await ready({ url: server.url, token: token("ann") });
  server.tell("notification", two);
  await eventually(() => expect(second.told.map((n) => n.title)).toEqual(["two"]));

  for (const tab of [first, second]) expect((await tab.until(loaded)).unread).toBe(2);
});

it("when the tab with the connection goes, another takes over from where it was", async () => {
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });
  const third = await ready({ url: server.url, token: token("ann") });
  server.emit("user:ann", "one");
  await third.until((s) => s.items.length === 1);

  first.inbox.close();
  server.emit("user:ann", "two");
  await second.until((s) => s.items.length === 2);
  await third.until((s) => s.items.length === 2);
  server.emit("user:ann", "three");
  await third.until((s) => s.items.length === 3);

  expect(server.greeted.at(-1)).toEqual({ "user:ann": 1, all: 0 });
  expect(third.told.map((n) => n.title)).toEqual(["one", "two", "three"]);
  expect(second.told.map((n) => n.title)).toEqual(["one", "two", "three"]);
  expect(third.now().unread).toBe(3);
});

it("a link that was followed in one tab is read in all, and nothing else is", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const { id } = server.emit("user:ann", "two");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  second.inbox.click(id);

  for (const tab of [first, second]) {
    await tab.until((s) => s.unread === 1 && s.items.some((n) => n.id === id && n.clicked));
    expect(tab.now().items.map((n) => n.read)).toEqual([true, false]);
  }
});

it("a mark made through a tab that goes is sent through the next", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  second.inbox.read(id);
  first.inbox.close();

  await eventually(() => expect(server.asked).toContainEqual(["read", { ids: [id] }]));
  await second.until((s) => s.state === "ready" && s.unread === 0);
});

it("a gateway that restarts is one return, and no tab loses or repeats anything", async () => {
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });
  await server.stop();
  await second.until((s) => s.state === "offline");

  await server.start();
  server.emit("user:ann", "one");
  await second.until((s) => s.state === "ready" && s.items.length === 1);
  await first.until((s) => s.state === "ready" && s.items.length === 1);

  expect(server.greeted).toHaveLength(2);
  expect(first.told).toHaveLength(1);
  expect(second.told).toHaveLength(1);
});

it("a final end is the end in every tab, and one tab's return brings all back", async () => {
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  server.close("revoked", false);
  await first.until((s) => s.state === "stopped");
  expect((await second.until((s) => s.state === "stopped")).reason).toBe("revoked");
  expect(server.greeted).toHaveLength(1);
  second.inbox.reconnect();
  await second.until((s) => s.state === "ready");
  await first.until((s) => s.state === "ready");
  server.emit("user:ann", "one");
  await first.until((s) => s.items.length === 1);

  expect(server.greeted).toHaveLength(2);
});

it("a page that may not lock has a connection of its own", async () => {
  vi.stubGlobal("navigator", { locks: { request: () => Promise.reject(new Error("not in a sandbox")) } });
  const server = await gateway();

  const ann = await ready({ url: server.url, token: token("ann") });

  server.emit("user:ann", "one");
  await ann.until((s) => s.items.length === 1);
});

/** Tabs opened in it can be stopped, as by a dialog: what is said to them, and by them, waits until they run again. */
class Stoppable extends BroadcastChannel {
  static readonly made: Stoppable[] = [];
  private readonly waiting: (() => void)[] = [];
  private stopped = false;

  constructor(name: string) {
    super(name);
    Stoppable.made.push(this);
  }

  stop(): void {
    this.stopped = true;
  }

  run(): void {
    this.stopped = false;
    for (const act of this.waiting.splice(0)) act();
  }

  override postMessage(message: unknown): void {
    if (this.stopped) this.waiting.push(() => super.postMessage(message));
    else super.postMessage(message);
  }

  override set onmessage(listener: (event: MessageEvent) => void) {
    super.onmessage = (event: MessageEvent) => {
      if (this.stopped) this.waiting.push(() => listener(event));
      else listener(event);
    };
  }
}

it("when the tab with the connection does not run, another takes over, and gives way to nobody when it runs again", async () => {
  vi.stubGlobal("BroadcastChannel", Stoppable);
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann") });
  const stopped = Stoppable.made.at(-1) as Stoppable;
  const second = await ready({ url: server.url, token: token("ann") });
  const third = await ready({ url: server.url, token: token("ann") });

  stopped.stop();
  server.emit("user:ann", "one");
  await second.until((s) => s.items.length === 1);
  await third.until((s) => s.items.length === 1);
  stopped.run();
  await eventually(() => expect(server.sockets).toHaveLength(1));
  server.emit("user:ann", "two");

  for (const tab of [first, second, third]) {
    await tab.until((s) => s.items.length === 2 && s.state === "ready");
    expect(tab.told.map((n) => n.title)).toEqual(["one", "two"]);
  }
  expect(server.sockets).toHaveLength(1);
  // A tab is given seconds to say that it runs.
}, 20_000);

it("the newest token of all tabs is the connection's: its topics are heard, those it has lost are not", async () => {
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann", 1, ["old"]) });
  const second = await ready({ url: server.url, token: token("ann", 2, ["new"]) });
  await eventually(() => expect(server.tokens).toContain(token("ann", 2, ["new"])));
  await first.until((s) => s.state === "ready");

  server.emit("topic:old", "not any more");
  server.emit("topic:new", "from now on");

  for (const tab of [first, second]) {
    await tab.until((s) => s.items.length > 0);
    expect(tab.titles()).toEqual(["from now on"]);
  }
  expect(server.greeted).toHaveLength(1);
});

it("an older token of another tab changes nothing", async () => {
  const server = await gateway();
  await ready({ url: server.url, token: token("ann", 2) });

  await ready({ url: server.url, token: token("ann", 1) });

  expect(server.tokens).toEqual([token("ann", 2)]);
});

it("the tab that takes over uses the newest token it has heard of", async () => {
  const server = await gateway();
  const first = await ready({ url: server.url, token: token("ann", 1) });
  const second = await ready({ url: server.url, token: token("ann", 1) });
  const third = await ready({ url: server.url, token: token("ann", 2) });
  await eventually(() => expect(server.tokens.at(-1)).toBe(token("ann", 2)));

  first.inbox.close();
  await second.until((s) => s.state === "ready" && server.greeted.length === 2);
  await third.until((s) => s.state === "ready");

  expect(server.tokens.at(-1)).toBe(token("ann", 2));
});

it("what one tab dismisses and takes back is gone and back in the other", async () => {
  const server = await gateway();
  const [one] = ["one", "two"].map((title) => server.emit("user:ann", title).id) as [string];
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });

  second.inbox.dismiss(one);
  for (const tab of [first, second]) await tab.until((s) => s.items.length === 1 && s.unread === 1);
  await undismiss(second.inbox, one);
  for (const tab of [first, second]) await tab.until((s) => s.items.length === 2 && s.unread === 1);
  first.inbox.dismiss(one);
  for (const tab of [first, second]) await tab.until((s) => s.items.length === 1);
});

it("a tab that is closed over another's question leaves no error behind, and the next answers", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const first = await ready({ url: server.url, token: token("ann") });
  const second = await ready({ url: server.url, token: token("ann") });
  const failures: unknown[] = [];
  const note = (reason: unknown): void => void failures.push(reason);
  process.on("unhandledRejection", note);
  atEnd(() => process.off("unhandledRejection", note));
  server.meanwhile = (event) => {
    server.meanwhile = undefined;
    if (event === "read") first.inbox.close();
  };

  second.inbox.read(id);
  await eventually(() => expect(server.greeted).toHaveLength(2));
  await second.until((s) => loaded(s) && s.unread === 0);

  expect(failures).toEqual([]);
});

it("what another device marks shows in every tab, though one of them marks something itself meanwhile", async () => {
  const server = await gateway();
  const [one, two, three] = ["one", "two", "three"].map((title) => server.emit("user:ann", title).id) as [
    string,
    string,
    string,
  ];
  const tabs = [
    await ready({ url: server.url, token: token("ann") }),
    await ready({ url: server.url, token: token("ann") }),
  ] as const;

  server.readElsewhere(one);
  await tabs[0].until((s) => s.unread === 2);
  tabs[1].inbox.seen(two);
  await tabs[0].until((s) => s.items.some((n) => n.seen));
  tabs[1].inbox.read(three);

  for (const tab of tabs)
    await tab.until(
      (s) =>
        s.unread === 1 &&
        s.items
          .filter((n) => n.read)
          .map((n) => n.title)
          .join() === "three,one",
    );
});
