/** The inbox: what the user has been told, in order and once, and what the user did with it. */

import { connection } from "./connection.ts";
import { framed } from "./frames.ts";
import {
  type ConnectOptions,
  type Count,
  type Filter,
  failure,
  type Item,
  type Link,
  MARKS,
  type Mark,
  type Notification,
  type Page,
  type Ready,
  type Receive,
  type Since,
  type Status,
} from "./protocol.ts";
import { shareable, shared } from "./tabs.ts";

/** How many ids one request carries. */
const IDS = 100;
const AGAIN_MS = 2_000;
const STALE_MS = 300;
const GONE = 1_000;
/** Failures that say nothing about the request itself. */
const PASSING = ["offline", "timeout", "rate_limited", "unavailable"];

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
  loadMore(): void;
  setFilter(filter: Filter): void;
  /** Tries again after `stopped`. */
  reconnect(): void;
  /** Ends the connection of this inbox for good. */
  close(): void;
}

interface View {
  /** The cursor of the next older page; null at the end, undefined before the first. */
  next?: string | null;
  /** The oldest id down to which nothing that matches is missing. */
  floor: string;
}

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

/** Whose token it is; undefined when it cannot be told from here. Proves nothing. */
const subject = (token: string | undefined): string | undefined => {
  try {
    const claims = (token as string).split(".")[1] as string;
    return JSON.parse(atob(claims.replace(/-/g, "+").replace(/_/g, "/"))).sub;
  } catch {
    return;
  }
};

/** Heads never go back, and of what is up to the same heads there is never more unread than there was. */
const older = ({ unread, heads }: Count, than: Count): boolean => {
  let further = unread <= than.unread;
  for (const room in heads) {
    const step = (heads[room] as number) - (than.heads[room] ?? -1);
    if (step < 0) return true;
    if (step) further = true;
  }
  return !further;
};

/** Opens a live inbox. It connects by itself, and stays connected until `close`. */
export function connect(options: ConnectOptions): Inbox {
  const { keep = 10_000, pageSize = 20 } = options;
  const items = new Map<string, Item>();
  const since: Since = {};
  /** Where it stands among the rooms: a room of that name there is none. */
  const line = since as { epoch?: string | undefined };
  const views = new Map<string, View>();
  const queue = { read: new Set<string>(), seen: new Set<string>(), dismiss: new Set<string>() };
  /** Dismissed or recalled; a page that was on its way must not bring them back. */
  const gone = new Set<string>();
  /** What waits for the hole before it to be filled, by room. */
  const held = new Map<string, Notification[]>();
  const listeners = new Set<() => void>();
  const arrivals = new Set<(arrived: readonly Notification[]) => void>();
  let arrived: Notification[] = [];
  let snapshot = EMPTY;
  let status: Status = EMPTY;
  let user: string | null = null;
  /** The newest count of the gateway. */
  let newest: Count = { unread: 0, heads: {} };
  /** The count that the badge stands on: the newest, but for one that lacks marks which are still under way. */
  let base = newest;
  /** What marks took from `base` since, and what was let go of gave to it. */
  let drift = 0;
  let filter: Filter = {};
  let loads = 0;
  let settled = false;
  let sending = false;
  /** Whether all is to be marked as read. */
  let all = false;
  let closed = false;
  let link: Link | undefined;
  let memory: string | undefined;
  let stale: ReturnType<typeof setTimeout> | undefined;

  const ask = <T>(event: string, payload: object): Promise<T> =>
    link ? link.request(event, payload) : Promise.reject(failure("offline"));

  const viewOf = (wanted: Filter): View => {
    const name = JSON.stringify([wanted.type, wanted.unread]);
    const view = views.get(name) ?? { floor: "~" };
    views.set(name, view);
    return view;
  };

  const flush = (): void => {
    let all = [...items.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    if (all.length > keep) {
      for (const n of all.splice(keep)) {
        items.delete(n.id);
        if (uncounted(n)) drift++;
      }
      // What lies below was let go: the lists end here, rather than with a hole.
      const { id } = all[keep - 1] as Item;
      for (const view of views.values()) {
        if (view.floor >= id) continue;
        view.floor = id;
        view.next = null;
      }
    }
    const { floor, next } = viewOf(filter);
    const { type } = filter;
    all = all.filter((n) => n.id >= floor && (!type || type.includes(n.type)) && !(filter.unread && n.read));
    snapshot = {
      ...status,
      user,
      unread: unread(),
      items: all,
      filter,
      hasMore: !!next,
      loading: loads > 0 || next === undefined,
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

  /** Whether it is unread, and came after the gateway had counted. */
  const uncounted = (n: Item, { heads } = base): boolean =>
    !n.read && (n.seq as number) > (heads[n.room] ?? 0);

  const unread = (): number => {
    let sum = base.unread + drift;
    for (const n of items.values()) if (uncounted(n)) sum++;
    return Math.max(0, sum);
  };

  const owing = (): boolean => all || MARKS.some((mark) => queue[mark].size);

  /** Has the badge stand on the newest count, unless marks are under way; answers whether that changed it. */
  const settle = (): boolean => {
    if (sending || owing()) return false;
    const before = unread();
    base = newest;
    drift = 0;
    touch();
    return unread() !== before;
  };

  /** Takes a count of the gateway. They may come out of order, and before or after what they count. */
  const hear = ({ unread, heads = { ...since } }: Partial<Count>): boolean => {
    if (unread === undefined) return false;
    const count = { unread, heads };
    if (!older(count, newest)) newest = count;
    return settle();
  };

  const apply = (mark: Mark, ids: Iterable<string>): void => {
    for (const id of ids) {
      if (mark === "dismiss") {
        const [oldest] = gone.add(id);
        if (gone.size > GONE) gone.delete(oldest as string);
      }
      const item = items.get(id);
      if (!item) continue;
      if (mark === "dismiss") items.delete(id);
      else items.set(id, { ...item, seen: true, read: item.read || mark === "read" });
      if (!item.read && mark !== "seen" && !uncounted(item)) drift--;
    }
    touch();
  };

  /** Those that `count` covers, or all. */
  const unreadIds = (count?: Count): string[] =>
    [...items.values()].filter((n) => !n.read && !(count && uncounted(n, count))).map((n) => n.id);

  const send = async (): Promise<void> => {
    if (sending || !settled) return;
    sending = true;
    let undone = false;
    try {
      while (owing()) {
        if (all) {
          all = false;
          undone = true;
          const count = await ask<Count>("read", { all: true });
          apply("read", unreadIds(count));
          hear(count);
          undone = false;
        }
        for (const mark of MARKS)
          while (queue[mark].size) {
            const ids = [...queue[mark]].slice(0, IDS);
            hear(await ask(mark, { ids }));
            for (const id of ids) queue[mark].delete(id);
          }
      }
    } catch (error) {
      // All of what there will be at the next attempt is not what was meant.
      undone ||= all;
      all = false;
      if (PASSING.includes((error as { code: string }).code)) setTimeout(send, AGAIN_MS);
      else {
        undone = true;
        for (const mark of MARKS) queue[mark].clear();
      }
    }
    sending = false;
    if (settle() || undone) refresh();
  };

  const mark = (how: Mark, ids: readonly string[]): void => {
    const news = ids.filter((id) => {
      const item = items.get(id);
      return !item || !(how === "read" ? item.read : how === "seen" && item.seen);
    });
    if (!news.length) return;
    apply(how, news);
    for (const id of news) queue[how].add(id);
    // What one turn marks goes out as one request, and what a request's time gathers as the next.
    queueMicrotask(send);
  };

  /** Fetches a page of `wanted`: the next older one, or the newest again. */
  const load = async (wanted: Filter, again = 0): Promise<void> => {
    const view = viewOf(wanted);
    if (view.next === null && !again) return;
    loads++;
    touch();
    try {
      const { notifications, next } = await ask<Page>("history", {
        limit: again || pageSize,
        ...(!again && view.next ? { before: view.next } : {}),
        ...wanted,
      });
      // A list begun anew meanwhile has no use for the page.
      if (viewOf(wanted) !== view) return;
      const found = notifications.map(({ id }) => id).sort();
      const oldest = next === null ? "" : (found[0] as string);
      const youngest = found.at(-1) as string;
      for (const n of notifications) {
        if (gone.has(n.id)) continue;
        const read = n.read || queue.read.has(n.id);
        items.set(n.id, { ...n, read, seen: n.seen || read || queue.seen.has(n.id) });
      }
      if (again)
        // What should be on the page and is not was dismissed or recalled elsewhere.
        for (const id of items.keys())
          if (id >= oldest && id <= youngest && !found.includes(id)) items.delete(id);
      if (!again || view.next === undefined) view.next = next;
      if (oldest < view.floor) view.floor = oldest;
    } catch {
      // A list that has something waits for the next wish to see more; an empty one is owed its first page.
      if (settled && view.next === undefined) setTimeout(() => settled && load(wanted), AGAIN_MS);
    } finally {
      loads--;
      touch();
    }
  };

  const fresh = (): void => {
    clearTimeout(stale);
    stale = undefined;
  };

  const refresh = (): void => {
    fresh();
    if (settled) load({}, Math.min(100, Math.max(pageSize, items.size)));
  };

  /** Begins the lists anew: between what is held and the newest there may be a hole. */
  const restart = (): void => {
    items.clear();
    views.clear();
    load({});
    if (filter.type || filter.unread) load(filter);
  };

  const accept = (n: Notification): void => {
    if (n.seq !== null) {
      since[n.room] = n.seq;
      if (!items.has(n.id) && !gone.has(n.id)) items.set(n.id, { ...n, read: false, seen: false });
    }
    arrived.push(n);
    touch();
  };

  /** Fills the room's hole below `head`, then lets in what was held back behind it. */
  const repair = async (room: string, head: number): Promise<void> => {
    const waiting: Notification[] = [];
    held.set(room, waiting);
    let complete = false;
    try {
      const answer = await ask<Count & { notifications: Notification[]; resync: string[] }>("replay", {
        since: { [room]: since[room], epoch: line.epoch },
      });
      hear(answer);
      for (const n of answer.notifications) if (n.room === room && n.seq !== null) waiting.push(n);
      complete = !answer.resync.length;
    } catch {
      // Without a connection, the next one begins from the same place and is sent the same.
      if (!settled) return void held.delete(room);
    }
    held.delete(room);
    waiting.sort((a, b) => (a.seq as number) - (b.seq as number));
    for (const n of waiting) if ((n.seq as number) > (since[room] as number)) accept(n);
    // What is still missing has expired or was recalled.
    since[room] = Math.max(since[room] as number, head);
    if (!complete) restart();
  };

  const arrive = (n: Notification): void => {
    const { room, seq } = n;
    const had = since[room];
    const waiting = held.get(room);
    if (seq === null || had === undefined) accept(n);
    else if (seq <= had) return;
    else if (waiting) waiting.push(n);
    else if (settled && seq > had + 1) {
      repair(room, seq - 1);
      held.get(room)?.push(n);
    } else accept(n);
  };

  const begin = (ready: Ready): void => {
    const { heads, resync } = ready;
    let anew = !user || resync.length > 0;
    user = ready.user;
    settled = true;
    newest = ready.count ?? ready;
    for (const room in heads) {
      const had = since[room];
      const head = heads[room] as number;
      // A stream that is behind us has begun again: what we hold is of another.
      if (had !== undefined && had > head) anew = true;
      if (had !== undefined && had < head && !resync.includes(room)) repair(room, head);
      else since[room] = head;
    }
    // After the repairs have asked: what they have had was counted in the former one.
    line.epoch = ready.epoch;
    const marked = settle();
    if (anew) restart();
    else if (marked) refresh();
    else if (viewOf(filter).next === undefined) load(filter);
    send();
    touch();
  };

  const receive: Receive = (event, payload) => {
    if (event === "notification") arrive(payload);
    else if (event === "ready") begin(payload);
    else if (event === "state") {
      status = payload;
      if (status.state !== "ready") {
        settled = false;
        held.clear();
      }
      touch();
    } else if (event === "recalled") {
      const { id } = payload as Notification;
      arrived = arrived.filter((n) => n.id !== id);
      apply("dismiss", [id]);
    } else if (event === "inbox") {
      // Marked on another device, or in a tab that is about to say so: the count tells that, but not what.
      if (hear(payload)) stale ??= setTimeout(refresh, STALE_MS * (1 + Math.random()));
    } else if (event === "applied") {
      const { mark: how, ids, ...count } = payload as { mark: Mark; ids?: string[] } & Count;
      apply(how, ids ?? unreadIds(count));
      fresh();
      hear(count);
    }
  };

  const welcome = (): [string, unknown][] => {
    const { epoch, ...heads } = since;
    const ready = { user, heads, count: newest, resync: [], epoch };
    return [...(settled ? [["ready", ready] as [string, unknown]] : []), ["state", status]];
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
    const make = (hear: Receive): Link => connection(options, since, hear, token);
    if (who === undefined) link = make(receive);
    else {
      const name = `bellhop ${options.url ?? ""} ${who}`;
      try {
        Object.assign(since, JSON.parse(sessionStorage.getItem(name) as string));
        memory = name;
      } catch {
        // As above: no storage, no memory over a reload.
      }
      link = options.share !== false && shareable() ? shared(name, make, receive, welcome) : make(receive);
    }
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
    readAll() {
      const ids = unreadIds();
      // While away only what is at hand is marked: what comes meanwhile was seen by nobody.
      if (!settled) return mark("read", ids);
      apply("read", ids);
      drift = -base.unread;
      all = true;
      send();
    },
    loadMore() {
      if (!loads) load(filter);
    },
    setFilter(wanted) {
      filter = wanted;
      if (viewOf(filter).next === undefined) load(filter);
      touch();
    },
    reconnect: () => link?.open(),
    close() {
      closed = true;
      settled = false;
      fresh();
      link?.close();
      listeners.clear();
      arrivals.clear();
    },
  };
}
