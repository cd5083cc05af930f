// @vitest-environment jsdom

/** A page that the link of a mail has led to. */

import { it } from "vitest";
import { token } from "./gateway.ts";
import { eventually, expect, gateway, ready } from "./support.ts";

it("says once that it was this user, and keeps the address without the token", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const { id } = server.emit("user:ann", "two");
  server.tracked.set("AbC-_9", id);
  history.replaceState(null, "", "/orders/12?a=1#bellhop-click=AbC-_9");

  const ann = await ready({ url: server.url, token: token("ann") });
  await ann.until((s) => s.unread === 1);

  expect(location.href).toMatch(/\/orders\/12\?a=1$/);
  expect(server.asked.filter(([event]) => event === "click")).toEqual([["click", { token: "AbC-_9" }]]);
  expect(ann.now().items.map((n) => [n.read, n.clicked])).toEqual([
    [true, true],
    [false, false],
  ]);
});

it.each([
  ["/p?bellhop-click=x&b=2#top", "/p?b=2#top"],
  ["/p?a=1&bellhop-click=x", "/p?a=1"],
  ["/p?bellhop-click=x#top", "/p#top"],
])("takes it off %s and leaves the rest", async (before, after) => {
  const server = await gateway();
  history.replaceState(null, "", before);

  const bob = await ready({ url: server.url, token: token("bob") });
  await eventually(() => expect(server.asked.map(([event]) => event)).toContain("click"));

  expect(location.href.endsWith(after)).toBe(true);
  expect(bob.now().unread).toBe(0);
});
