import type { Joined, Left, Online, Roster } from "./protocol.ts";

/** The part of the roster that a page holds: everyone whose id begins with `prefix`, up to the last one loaded. */
export interface Held {
  readonly prefix: string;
  readonly online: readonly Online[];
  /** Where the next page begins; null when all are held. */
  readonly next: string | null;
  readonly users: number;
  readonly connections: number;
}

export function begin(prefix: string, page: Roster): Held {
  return { prefix, online: page.online, next: page.next, users: page.users, connections: page.connections };
}

/** With one more page at its end; who came in twice, because the roster moved meanwhile, is held once. */
export function extend(held: Held, page: Roster): Held {
  const known = new Set(held.online.map((entry) => entry.user));
  const fresh = page.online.filter((entry) => !known.has(entry.user));
  return { ...held, ...page, online: sorted([...held.online, ...fresh]) };
}

/** Someone has come: shown if it belongs to what is held. */
export function joined(held: Held, { user, name, roles, at }: Joined): Held {
  const users = held.users + 1;
  const connections = held.connections + 1;
  const last = held.online.at(-1);
  const belongs =
    user.startsWith(held.prefix) && (held.next === null || (last !== undefined && before(user, last.user)));
  if (!belongs || held.online.some((entry) => entry.user === user)) return { ...held, users, connections };
  const entry: Online = { user, name, roles, connections: 1, since: at };
  return { ...held, online: sorted([...held.online, entry]), users, connections };
}

export function left(held: Held, { user }: Left): Held {
  return {
    ...held,
    online: held.online.filter((entry) => entry.user !== user),
    users: Math.max(0, held.users - 1),
    connections: Math.max(0, held.connections - 1),
  };
}

function sorted(online: Online[]): Online[] {
  return online.sort((one, other) => (before(one.user, other.user) ? -1 : 1));
}

/** By code point, as the gateway orders. */
function before(one: string, other: string): boolean {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return (one.codePointAt(at) ?? -1) < (other.codePointAt(at) ?? -1);
}
