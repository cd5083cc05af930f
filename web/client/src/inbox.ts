/** The inbox: what the user has been told, in order and once, and what the user did with it. */

import { jitter, SOON_MS } from "./backoff.ts";
import type { Confirm } from "./click.ts";
import { counting } from "./counts.ts";
import { framed } from "./frames.ts";
import { holding } from "./held.ts";
import { marking } from "./marks.ts";
import { opening } from "./opening.ts";
import { paging } from "./pages.ts";
import {
  type Ask,
  type ConnectOptions,
  type Count,
  type Filter,
  failure,
  type InboxEvent,
  type Item,
  type Mark,
  type Notification,
  type Ready,
  type Receive,
  type Rooms,
  type Since,
  type Status,
  type Way,
} from "./protocol.ts";
import { EMPTY, type Snapshot } from "./snapshot.ts";
import { streaming } from "./streams.ts";

/** By id, which is by time; above them, by time as well, what came back from a snooze: no id begins as a year does. */
const place = (n: Item): string => n.returned_at ?? n.id;

/** What is to be done about the link of a mail that the page was come to by: few are, and fetch what knows it. */
let brought: Promise<Confirm | undefined> | undefined;

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

/** Answers how to be one of `listeners`, which in turn answers how to be none any more. */
const listen =
  <T>(listeners: Set<T>) =>
  (listener: T): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
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
    brought = import("./click.ts").then(
      (its) => its.click(),
      () => undefined,
    );
  const { keep = 10_000, pageSize = 20 } = options;
  const items = new Map<string, Item>();
  const since: Since = {};
  const listeners = new Set<() => void>();
  const arrivals = new Set<(arrived: readonly Notification[]) => void>();
  let arrived: Notification[] = [];
  let snapshot = EMPTY;
  let status: Status = EMPTY;
  let user: string | null = null;
  /** Types that are not shown, but in the user's own room. */
  let muted: readonly string[] = [];
  let settled = false;
  let closed = false;
  /** Not told to the gateway yet. */
  let landed = brought;
  let way: Way | undefined;
  let memory: string | undefined;

  const ask: Ask = async (event, payload) => {
    // What takes something back must not overtake it.
    while (/^un/.test(event) && settled && isOwing()) await new Promise((done) => setTimeout(done, SOON_MS));
    if (!way) throw failure("offline");
    return way.request(event, payload);
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
      ...shown(all),
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
  const [apply, drop, redo, found, take, unreadIds] = holding(items, isQueued, isUncounted, shift, touch);
  const [more, refresh, soon, fresh, restart, shown, cut, begun, choose] = paging(
    items,
    pageSize,
    ask,
    isSettled,
    found,
    touch,
  );
  const [arrive, catchUp, pause] = streaming(
    since,
    ask,
    isSettled,
    (n) => {
      if (n.room !== `user:${user}` && muted.includes(n.type)) return;
      // Whether what is not loaded, and is not shown any more, was unread, the gateway alone knows.
      if (take(n) && settled)
        setTimeout(() => ask<Count>("replay", { since: {} }).then(hear, () => {}), jitter(SOON_MS));
      arrived.push(n);
      touch();
    },
    hear,
    restart,
  );

  const mark =
    (how: Mark) =>
    (...ids: readonly string[]): void => {
      // An item says of itself what it is by the name of the mark, but for those that are gone.
      const told = how === "click" ? "clicked" : how;
      const news = ids.filter((id) => !items.get(id)?.[told as "read"]);
      if (!news[0]) return;
      apply(how, news);
      queue(how, news);
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
    if (anew) restart();
    else if (marked) refresh();
    else begun();
    send();
    landed?.then((confirm) => confirm?.(ask, receive));
    landed = undefined;
  };

  /** What comes of the events, by their names. */
  const heard: Readonly<Record<string, ((payload: never) => void) | undefined>> = {
    notification: arrive,
    ready: begin,
    rooms: ({ heads }: Rooms) => catchUp(heads),
    state(its: Status) {
      status = its;
      if (status.state !== "ready") {
        settled = false;
        pause();
      }
      touch();
    },
    recalled({ id }: Notification) {
      arrived = arrived.filter((n) => n.id !== id);
      drop(id);
    },
    inbox(its: InboxEvent) {
      const { muted, did } = its;
      if (did) redo(did);
      touch();
      // What is counted from now on is something else: neither older nor newer than what was.
      if (muted) begin({ ...its, user: user as string, epoch: (since as Line).epoch as string });
      // Marked on another device, or in a tab that is about to say so: the count tells that, but not what.
      else if (hear(its) || did) soon();
    },
    applied({ mark: how, ids, id, ...count }: Applied) {
      fresh();
      // A click that is nobody's names none.
      apply(how, id === undefined ? (ids ?? unreadIds(count)) : [`${id}`]);
      hear(count);
    },
  };

  const receive: Receive = (event, payload) => {
    options.hear?.(event, payload);
    heard[event]?.(payload);
  };

  const welcome = (tell: (event: string, payload: unknown) => void): void => {
    const { epoch, ...heads } = since as Since & Line;
    if (settled) tell("ready", { user, heads, count: newest(), epoch, muted });
    tell("state", status);
  };

  opening(options, since, receive, welcome, (make, name) => {
    if (closed) return;
    memory = name;
    way = make();
    way.open();
  });

  return {
    subscribe: listen(listeners),
    getSnapshot: () => snapshot,
    onArrival: listen(arrivals),
    read: mark("read"),
    seen: mark("seen"),
    dismiss: mark("dismiss"),
    click: mark("click"),
    readAll() {
      const ids = unreadIds();
      // While away only what is at hand is marked: what comes meanwhile was seen by nobody.
      if (!settled) return mark("read")(...ids);
      apply("read", ids);
      shift(-unread());
      queue("read");
    },
    loadMore: more,
    setFilter: choose,
    ask,
    reconnect: () => way?.open(),
    close() {
      closed = true;
      settled = false;
      // Nobody is told anything from here on: nothing is laid out any more.
      way?.close();
    },
  };
}
