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

  test("holds nobody twice", () => {
    expect(ids(joined(begin("", page(["ann"])), come("ann")))).toEqual(["ann"]);
    expect(ids(extend(begin("", page(["ann", "bob"], "bob")), page(["bob", "cid"])))).toEqual([
      "ann",
      "bob",
      "cid",
    ]);
  });
});
