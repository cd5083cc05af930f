import type { FeedBatch, FeedItem } from "./protocol.ts";

/** Items kept in the page; the store has the rest. */
export const KEPT = 1_000;

export interface FeedState {
  /** Newest first. */
  readonly items: readonly FeedItem[];
  /** How many the nodes left out, because more came than anyone could read. */
  readonly leftOut: number;
}

export const EMPTY: FeedState = { items: [], leftOut: 0 };

export function take(state: FeedState, batch: FeedBatch): FeedState {
  const known = new Set(state.items.slice(0, 100).map((item) => item.id));
  const fresh = batch.notifications.filter((item) => !known.has(item.id)).reverse();
  return { items: [...fresh, ...state.items].slice(0, KEPT), leftOut: state.leftOut + batch.left_out };
}

/** The state with what came before one looked, newest first. */
export function withEarlier(state: FeedState, earlier: readonly FeedItem[]): FeedState {
  const known = new Set(state.items.map((item) => item.id));
  const fresh = earlier.filter((item) => !known.has(item.id));
  return { ...state, items: newestFirst([...state.items, ...fresh]).slice(0, KEPT) };
}

/** Ids are UUIDv7: they sort by time. */
export function newestFirst(items: readonly FeedItem[]): readonly FeedItem[] {
  return [...items].sort((a, b) => (a.id < b.id ? 1 : -1));
}

export interface Filter {
  readonly type: string;
  readonly room: string;
  readonly by: string;
}

/** Those that the filter lets through: a type and a service exactly, a room by its beginning. */
export function filtered(items: readonly FeedItem[], { type, room, by }: Filter): readonly FeedItem[] {
  const start = room.trim().toLowerCase();
  if (!type && !start && !by) return items;
  return items.filter(
    (item) =>
      (!type || item.type === type) &&
      (!by || item.by === by) &&
      (!start || item.room.toLowerCase().startsWith(start)),
  );
}

/** Who has emitted what is in the feed, by name; of what came before one looked, that is not told. */
export function servicesIn(items: readonly FeedItem[]): string[] {
  return [...new Set(items.flatMap(({ by }) => (by === null ? [] : [by])))].sort();
}

/** The types in the feed, by name. */
export function typesIn(items: readonly FeedItem[]): string[] {
  return [...new Set(items.map((item) => item.type))].sort();
}
