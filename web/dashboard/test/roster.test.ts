import { describe, expect, test } from "vitest";
import type { Online, Roster } from "../src/protocol.ts";
import { begin, extend, joined, left } from "../src/roster.ts";

const AT = "2026-01-01T12:00:00.000Z";

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

  test("orders ids as the gateway does, whatever they are written in", () => {
    // By UTF-16 units what is beyond the first 65,536 code points would come before the second.
    const ordered = ["a", "ab", "b", "\uff21", "\u{1f680}", "\u{1f680}a", "\u{1f69a}"];
    let held = begin("", page([]));
    for (const user of ordered.toReversed()) held = joined(held, come(user));
    expect(ids(held)).toEqual(ordered);
    expect(ids(joined(begin("", page(["\uff21"], "\uff21")), come("\u{1f69a}")))).toEqual(["\uff21"]);
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
