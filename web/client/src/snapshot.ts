import type { Filter, Item, Status } from "./protocol.ts";

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
