/** The inbox: what the user has been told, in order and once, and what the user did with it. */

import { jitter } from "./backoff.ts";
import { connection } from "./connection.ts";
import { counting } from "./counts.ts";
import { framed } from "./frames.ts";
import { marking } from "./marks.ts";
import { paging } from "./pages.ts";
import {
  type Ask,
  type ConnectOptions,
  type Count,
  DONE,
  type Filter,
  failure,
  type InboxEvent,
  type Item,
  type Link,
  type Mark,
  type Notification,
  type Ready,
  type Receive,
  type Rooms,
  type Since,
  type Status,
} from "./protocol.ts";
import type { ChangedAnswer } from "./shapes.ts";
import { streaming } from "./streams.ts";
import { shared } from "./tabs.ts";
import { subject } from "./token.ts";

/** By id, which is by time; above them, by time as well, what came back from a snooze: no id begins as a year does. */
const place = (n: Item): string => n.returned_at ?? n.id;

/** What the link of a mail has brought to this page: few pages are come to by one, and fetch what reads it. */
let brought: Promise<string | undefined> | undefined;

/** How long what all clients hear of at once waits, at the least; and what has to wait for marks, until it is looked again. */
const SOON_MS = 300;

/** The inbox at one moment. A new object whenever anything in it differs. */
export interface Snapshot extends Status {
  /** Null until the first `ready`. */
  readonly user: string | null;
  /** Over everything the user has, loaded or not. */
  readonly unread: number;
  /** Those that match the filter, newest first. */
  readonly items: readonly Item[];
  readonly filter: Filter;
  /** Whether `loadMore` would bring older ones. */
  readonly hasMore: boolean;
  readonly loading: boolean;
}

export interface Inbox {
  /** Calls `listener` after a change, at most once per animation frame. Answers how to end it. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): Snapshot;
  /** Calls `listener` with what has arrived since the last frame, oldest first; each notification once. */
  onArrival(listener: (arrived: readonly Notification[]) => void): () => void;
  /** Marks at once; the gateway is told when there is a connection. */
  read(...ids: string[]): void;
  readAll(): void;
  seen(...ids: string[]): void;
  dismiss(...ids: string[]): void;
  /** Its link is followed, which reads it too. The element says so by itself. */
  click(id: string): void;
  loadMore(): void;
  setFilter(filter: Filter): void;
  /** Asks the gateway what this page has no method for; rejects with an error whose `code` says why. */
  ask: Ask;
  /** Tries again after `stopped`. */
  reconnect(): void;
  /** Ends the connection of this inbox for good. */
  close(): void;
}

/** Where the line of sequences stands among the rooms: a room of that name there is none. */
type Line = { epoch?: string | undefined };

/** A mark of another tab, with the count that it was answered. */
type Applied = { mark: Mark; ids?: string[]; id?: string | null } & Count;

/** What there is before anything is known. */
export const EMPTY: Snapshot = {
  state: "offline",
  reason: null,
  retryAt: null,
  user: null,
  unread: 0,
  items: [],
  filter: {},
  hasMore: false,
  loading: true,
};

/**
 * Opens a live inbox. It connects by itself, and stays connected until `close`.
 *
 * Throws a `TypeError` when `url` is none or has a path.
 */
export function connect(options: ConnectOptions): Inbox {
  const { pathname } = new URL(options.url ?? "/", "http://a");
  // Socket.IO would take a path for the name of a namespace, which no gateway has.
  if (pathname[1]) throw new TypeError(`option path: "${pathname.replace(/\/?$/, "/socket.io/")}"`);
  if (globalThis.location?.href.includes("bellhop-click="))
    brought = import("./click.ts").then((its) => its.click());
  const { keep = 10_000, pageSize = 20 } = options;
  const items = new Map<string, Item>();
  const since: Since = {};
  /**
   * What is not shown any more, as a page that was on its way must not bring it back; with what was dismissed, for it may
   * be taken back.
   */
  const gone = new Map<string, Item | undefined>();
  const GONE = 1_000;
  const listeners = new Set<() => void>();
  const arrivals = new Set<(arrived: readonly Notification[]) => void>();
  let arrived: Notification[] = [];
  let snapshot = EMPTY;
  let status: Status = EMPTY;
  let user: string | null = null;
  let filter: Filter = {};
  /** Types that are not shown, but in the user's own room. */
  let muted: readonly string[] = [];
  let settled = false;
  let closed = false;
  /** Brought by the link of a mail, and not told yet. */
  let landed = brought;
  let link: Link | undefined;
  let memory: string | undefined;
  let stale: ReturnType<typeof setTimeout> | undefined;

  const ask: Ask = async (event, payload) => {
    // What takes something back must not overtake it.
    while (/^un/.test(event) && settled && isOwing()) await new Promise((done) => setTimeout(done, SOON_MS));
    if (!link) throw failure("offline");
    return link.request(event, payload);
  };

  const flush = (): void => {
    const all = [...items.values()].sort((a, b) => (place(a) < place(b) ? 1 : -1));
    for (const n of all.splice(keep)) {
      items.delete(n.id);
      if (isUncounted(n)) shift(1);
      cut(n.id);
    }
    snapshot = {
      ...status,
      user,
      unread: unread(),
      filter,
      ...shown(all, filter),
    };
    if (memory)
      try {
        sessionStorage.setItem(memory, JSON.stringify(since));
      } catch {
        // A page without storage keeps its place in memory only.
      }
    const news = arrived;
    arrived = [];
    for (const listener of listeners) listener();
    if (news.length) for (const listener of arrivals) listener(news);
  };
  const touch = framed(() => closed || flush());
  const isSettled = (): boolean => settled;
  const [queue, isQueued, isOwing, send] = marking(
    ask,
    isSettled,
    (count) => apply("read", unreadIds(count)),
    (count) => hear(count),
    (undone) => {
      if (settle() || undone) refresh();
    },
  );
  const [unread, isUncounted, newest, hear, settle, shift] = counting(items, since, isOwing, touch);
  const [more, reload, restart, shown, cut, begun] = paging(
    items,
    pageSize,
    ask,
    isSettled,
    (n) => {
      if (gone.has(n.id)) return;
      for (const how in DONE) if (isQueued(how as Mark, n.id)) n = { ...n, ...DONE[how as Mark] };
      keepNewest(n);
    },
    touch,
  );
  const [arrive, catchUp, pause] = streaming(
    since,
    ask,
    isSettled,
    (n) => {
      if (n.room !== `user:${user}` && muted.includes(n.type)) return;
      if (n.seq && !items.has(n.id) && !gone.has(n.id)) {
        const { size } = items;
        keepNewest({ ...n, read: false, seen: false, clicked: false });
        // Whether what is not loaded, and is not shown any more, was unread, the gateway alone knows.
        if (settled && items.size > size && (n.collapsed as number) > 1)
          setTimeout(() => ask<Count>("replay", { since: {} }).then(hear, () => {}), jitter(SOON_MS));
      }
      arrived.push(n);
      touch();
    },
    hear,
    () => restart(filter),
  );

  /** Shows a mark, whoever made it. */
  const apply = (mark: Mark, ids: Iterable<string>, counted = true): void => {
    for (const id of ids) {
      change(id, DONE[mark], counted);
      if (mark !== "dismiss") continue;
      // Of so many none is still on its way, nor taken back.
      if (gone.size > GONE) gone.clear();
      gone.set(id, items.get(id) ?? gone.get(id));
      items.delete(id);
    }
    touch();
  };

  /** Takes one out that nobody can take back. */
  const drop = (id: string, counted?: boolean): void => {
    apply("dismiss", [id], counted);
    gone.set(id, undefined);
  };

  /** Shows an item as it is now, also where that is dismissed no more. */
  const change = (id: string, to?: ChangedAnswer & { seen?: boolean }, counted = true): void => {
    const item = items.get(id) ?? (to?.dismissed === false && gone.get(id));
    if (!item) return;
    const now = { ...item, ...(to as Partial<Item>) };
    items.set(id, now);
    if (counted && !isUncounted(now.read ? item : now)) shift(+item.read - +now.read);
  };

  /** Keeps an item, and of its room and key the newest alone. */
  const keepNewest = (n: Item): void => {
    items.set(n.id, n);
    if (n.collapse_key)
      for (const o of items.values())
        if (o !== n && o.room === n.room && o.collapse_key === n.collapse_key) {
          const [older, newer] = (o.seq as number) < (n.seq as number) ? [o, n] : [n, o];
          // A count that has the newer one has left the older out already.
          drop(older.id, isUncounted(newer));
        }
  };

  /** Those that `count` covers, or all. */
  const unreadIds = (count?: Count): string[] =>
    [...items.values()].filter((n) => !n.read && !(count && isUncounted(n, count))).map((n) => n.id);

  const mark = (how: Mark, ids: readonly string[]): void => {
    // An item says of itself what it is by the name of the mark, but for those that are gone.
    const told = how === "click" ? "clicked" : how;
    const news = ids.filter((id) => !items.get(id)?.[told as "read"]);
    if (!news[0]) return;
    apply(how, news);
    queue(how, news);
  };

  const fresh = (): void => {
    clearTimeout(stale);
    stale = undefined;
  };

  const refresh = (): void => {
    fresh();
    if (settled) reload();
  };

  const begin = (ready: Ready): void => {
    const { heads, resync } = ready;
    const before = muted;
    muted = ready.muted ?? [];
    // What is muted may be other than it was: what is to be shown is known to the gateway.
    const other = !user || resync?.[0] || before[0] || muted[0];
    user = ready.user;
    settled = true;
    // A stream that is behind us has begun again: what we hold is of another.
    const anew = catchUp(heads, resync) || other;
    // After the repairs have asked: what they have had was counted in the former one.
    (since as Line).epoch = ready.epoch;
    const marked = hear(ready.count ?? ready, true);
    if (anew) restart(filter);
    else if (marked) refresh();
    else begun(filter);
    send();
    confirm();
  };

  /** Says that it was this user who came by the link of a mail; if it was not, the gateway knows better. */
  const confirm = async (): Promise<void> => {
    const token = landed;
    landed = undefined;
    try {
      if (token)
        receive("applied", {
          mark: "click",
          ...(await ask<object>("click", { token: await token })),
        } as never);
    } catch {
      // It was another's, or is too old.
    }
  };

  const receive: Receive = (event, payload) => {
    options.hear?.(event, payload);
    if (event === "notification") arrive(payload);
    else if (event === "ready") begin(payload);
    else if (event === "rooms") catchUp((payload as Rooms).heads);
    else if (event === "state") {
      status = payload;
      if (status.state !== "ready") {
        settled = false;
        pause();
      }
      touch();
    } else if (event === "recalled") {
      const { id } = payload as Notification;
      arrived = arrived.filter((n) => n.id !== id);
      drop(id);
    } else if (event === "inbox") {
      // What is counted from now on is something else: neither older nor newer than what was.
      const { muted, did } = payload as InboxEvent;
      did?.ids.forEach((id) => {
        if (did.item?.dismissed) apply("dismiss", [id]);
        else {
          change(id, did.item);
          gone.delete(id);
        }
      });
      did?.notifications?.forEach(keepNewest);
      touch();
      if (muted)
        begin({ ...(payload as Ready), user: user as string, epoch: (since as Line).epoch as string });
      // Marked on another device, or in a tab that is about to say so: the count tells that, but not what.
      else if (hear(payload) || did) stale ??= setTimeout(refresh, jitter(SOON_MS));
    } else if (event === "applied") {
      const { mark: how, ids, id, ...count } = payload as Applied;
      fresh();
      // A click that is nobody's names none.
      apply(how, id === undefined ? (ids ?? unreadIds(count)) : [`${id}`]);
      hear(count);
    }
  };

  const welcome = (tell: (event: string, payload: unknown) => void): void => {
    const { epoch, ...heads } = since as Since & Line;
    if (settled) tell("ready", { user, heads, count: newest(), epoch, muted });
    tell("state", status);
  };

  const start = async (): Promise<void> => {
    let token = options.token;
    try {
      token ??= await options.getToken?.();
    } catch {
      // The connection asks again, and tells why it waits.
    }
    if (closed) return;
    const who = subject(token);
    const name = `bellhop 3 ${options.url} ${options.path} ${who}`;
    const make = (hear: Receive, under = token): Link => connection(options, since, hear, under);
    if (who)
      try {
        Object.assign(since, JSON.parse(sessionStorage.getItem(name) as string));
        memory = name;
      } catch {
        // As above: no storage, no memory over a reload.
      }
    link =
      options.share !== false && who && (globalThis.navigator as Navigator | undefined)?.locks
        ? shared(name, make, receive, welcome, token)
        : make(receive);
    link.open();
  };
  start();

  const listen = <T>(to: Set<T>, listener: T): (() => void) => {
    to.add(listener);
    return () => to.delete(listener);
  };

  return {
    subscribe: (listener) => listen(listeners, listener),
    getSnapshot: () => snapshot,
    onArrival: (listener) => listen(arrivals, listener),
    read: (...ids) => mark("read", ids),
    seen: (...ids) => mark("seen", ids),
    dismiss: (...ids) => mark("dismiss", ids),
    click: (id) => mark("click", [id]),
    readAll() {
      const ids = unreadIds();
      // While away only what is at hand is marked: what comes meanwhile was seen by nobody.
      if (!settled) return mark("read", ids);
      apply("read", ids);
      shift(-unread());
      queue("read");
    },
    loadMore: () => more(filter),
    setFilter(wanted) {
      filter = wanted;
      begun(filter);
      touch();
    },
    ask,
    reconnect: () => link?.open(),
    close() {
      closed = true;
      settled = false;
      // Nobody is told anything from here on: nothing is laid out any more.
      link?.close();
    },
  };
}
