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

export interface Filter {
  readonly type: string;
  readonly room: string;
}

/** Those that the filter lets through: a type exactly, a room by its beginning. */
export function filtered(items: readonly FeedItem[], { type, room }: Filter): readonly FeedItem[] {
  const start = room.trim().toLowerCase();
  if (!type && !start) return items;
  return items.filter(
    (item) => (!type || item.type === type) && (!start || item.room.toLowerCase().startsWith(start)),
  );
}

/** The types in the feed, by name. */
export function typesIn(items: readonly FeedItem[]): string[] {
  return [...new Set(items.map((item) => item.type))].sort();
}
