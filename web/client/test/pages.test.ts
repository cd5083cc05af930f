/** The history of an inbox, page by page. */

import { describe, it } from "vitest";
import { token } from "./gateway.ts";
import { expect, gateway, ready, watch } from "./support.ts";

describe("pages", () => {
  it("follow each other down to the first notification", async () => {
    const server = await gateway();
    for (let n = 1; n <= 45; n++) server.emit(n % 2 ? "all" : "user:ann", `number ${n}`);
    const ann = await ready({ url: server.url, token: token("ann") });
    expect(ann.titles()).toHaveLength(20);

    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 40 && !s.loading);
    ann.inbox.loadMore();
    await ann.until((s) => s.items.length === 45 && !s.loading);

    expect(ann.now().hasMore).toBe(false);
    expect(ann.titles()).toEqual(Array.from({ length: 45 }, (_, n) => `number ${45 - n}`));
  });

  it("of a filter leave no hole in the whole list", async () => {
    const server = await gateway();
    for (let n = 1; n <= 60; n++) server.emit("user:ann", `number ${n}`, { type: n % 10 ? "NOTE" : "ORDER" });
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.setFilter({ type: ["ORDER"] });
    await ann.until((s) => s.items.length === 6 && !s.loading);
    expect(ann.titles()).toEqual([60, 50, 40, 30, 20, 10].map((n) => `number ${n}`));
    expect(ann.now().hasMore).toBe(false);
    server.emit("user:ann", "not an order");
    server.emit("user:ann", "an order", { type: "ORDER" });
    await ann.until((s) => s.items.length === 7);

    ann.inbox.setFilter({});
    await ann.until((s) => s.items.length === 22);
    expect(ann.titles().at(-1)).toBe("number 41");
    expect(ann.now().hasMore).toBe(true);
  });

  it("of a category are asked for and kept as those of a type are", async () => {
    const server = await gateway();
    for (let n = 1; n <= 30; n++)
      server.emit("user:ann", `number ${n}`, { category: n % 10 ? "offers" : "orders" });
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.setFilter({ category: ["orders"], unread: true });
    await ann.until((s) => s.items.length === 3 && !s.loading);
    server.emit("user:ann", "an offer", { category: "offers" });
    server.emit("user:ann", "an order", { category: "orders" });
    await ann.until((s) => s.items.length === 4);

    expect(ann.titles()).toEqual(["an order", "number 30", "number 20", "number 10"]);
    expect(server.asked.at(-1)).toEqual(["history", { limit: 20, category: ["orders"], unread: true }]);
  });

  it("of the unread lose what is read", async () => {
    const server = await gateway();
    const ids = ["one", "two"].map((title) => server.emit("user:ann", title).id);
    const ann = await ready({ url: server.url, token: token("ann") });

    ann.inbox.setFilter({ unread: true });
    await ann.until((s) => s.items.length === 2 && !s.loading);
    ann.inbox.read(ids[0] as string);
    await ann.until((s) => s.items.length === 1);

    expect(ann.titles()).toEqual(["two"]);
  });

  it("whose first request fails are asked for again", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    let refusals = 0;
    server.fail = (event) => (event === "history" && !refusals++ ? "unavailable" : undefined);

    const ann = watch({ url: server.url, token: token("ann") });
    await ann.until((s) => s.items.length === 1);

    expect(server.asked.filter(([e]) => e === "history")).toHaveLength(2);
  });
});
