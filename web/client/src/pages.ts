/** The lists: in their order, pages of the history, one list a filter, and how far down each of them is complete. */

import { AGAIN_MS, jitter, SOON_MS } from "./backoff.ts";
import type { Held } from "./held.ts";
import type { ConnectOptions, Filter, Item, Page } from "./protocol.ts";
import type { Session } from "./session.ts";

/** By id, which is by time; above them, by time as well, what came back from a snooze: no id begins as a year does. */
const place = (n: Item): string => n.returned_at ?? n.id;

interface View {
  /** The cursor of the next older page; null at the end, undefined before the first. */
  _next?: string | null;
  /** The oldest id down to which nothing that matches is missing. */
  _floor: string;
}

export interface Pages {
  /** Fetches the next older page of the list, unless one is on its way. */
  _more(): void;
  /** Fetches the newest again, as far as it matters. */
  _refresh(): void;
  /** Something is told to have changed: where that shows, the same in a moment, once for all that is told until then. */
  _soon(isOther: boolean): void;
  /** What has changed is known by now, of one that was told. */
  _fresh(): void;
  /** Begins the lists anew: between what is held and the newest there may be a hole. */
  _restart(): void;
  /** What belongs to the list, newest first, and whether it goes on. Lets go of what there is no room for. */
  _shown(): {
    readonly filter: Filter;
    readonly items: Item[];
    readonly hasMore: boolean;
    readonly loading: boolean;
  };
  /** Fetches the first page of the list, if it has none. */
  _begun(): void;
  /** Shows another list. */
  _choose(filter: Filter): void;
}

/** Lists what is held in `items`, and keeps no more of it than the options say. `held` takes what the history has. */
export const paging = (
  items: Map<string, Item>,
  { keep = 10_000, pageSize = 20 }: ConnectOptions,
  session: Session,
  held: Held,
  changed: () => void,
): Pages => {
  /** By what they are filtered by. */
  let views: Record<string, View> = {};
  let loads = 0;
  /** Of the list that is shown. */
  let chosen: Filter = {};
  let stale: ReturnType<typeof setTimeout> | undefined;
  /** How often it was told since, but for what is known. */
  let told = 0;

  const viewOf = (filter: Filter): View => (views[JSON.stringify(filter)] ??= { _floor: "~" });

  const isUntouched = (filter: Filter): boolean => viewOf(filter)._next === undefined;

  /** Fetches a page: the next older one, or the `again` newest. */
  const load = async (filter: Filter, again = 0): Promise<void> => {
    const view = viewOf(filter);
    if (view._next === null && !again) return;
    const had = new Map(items);
    loads++;
    changed();
    try {
      const {
        notifications,
        next,
        returned = [],
      } = await session._way.request<Page>("history", {
        limit: again || pageSize,
        before: again ? undefined : (view._next as string),
        ...filter,
      });
      // A list begun anew meanwhile has no use for the page.
      if (viewOf(filter) !== view) return;
      const ids = notifications.map((n) => n.id).sort();
      const oldest = next === null ? "" : (ids[0] as string);
      for (const item of [...notifications, ...returned]) held._found(item);
      if (again)
        // What was there when it was asked for, and is not on the page, was dismissed or recalled elsewhere, unless it was put away or off.
        for (const [id, { archived, snoozed_until }] of items)
          if (had.has(id) && id >= oldest && !ids.includes(id) && !archived && !snoozed_until)
            items.delete(id);
      if (!again || view._next === undefined) view._next = next;
      if (oldest < view._floor) view._floor = oldest;
    } catch {
      // What is shown may be other than it is until it is asked for again.
      if (again) stale ??= setTimeout(refresh, AGAIN_MS);
      // A list that has something waits for the next wish to see more; an empty one is owed its first page.
      else if (session._settled && isUntouched(filter))
        setTimeout(() => session._settled && load(filter), AGAIN_MS);
    } finally {
      loads--;
      changed();
    }
  };

  const fresh = (): void => {
    clearTimeout(stale);
    stale = undefined;
    told = 0;
  };

  const refresh = (): void => {
    // Without a connection it is owed still, and done as soon as there is one.
    if (!session._settled) return;
    fresh();
    load({}, Math.min(100, Math.max(pageSize, items.size)));
  };

  const begun = (): void => {
    if (isUntouched(chosen)) load(chosen);
  };

  return {
    _more() {
      if (!loads) load(chosen);
    },
    _refresh: refresh,
    _soon(isOther) {
      told++;
      if (isOther) stale ??= setTimeout(refresh, jitter(SOON_MS));
    },
    _fresh() {
      if (told && !--told) fresh();
    },
    _restart() {
      items.clear();
      views = {};
      load({});
      if (viewOf(chosen) !== viewOf({})) load(chosen);
    },
    _shown() {
      const all = [...items.values()].sort((a, b) => (place(a) < place(b) ? 1 : -1));
      for (const n of all.splice(keep)) {
        held._letGo(n);
        // What lies there and below is let go of: the lists end here, rather than with a hole.
        for (const view of Object.values(views))
          if (view._floor <= n.id) {
            view._floor = n.id;
            view._next = null;
          }
      }
      const { _floor: floor, _next: next } = viewOf(chosen);
      const { type, category, unread, archived, snoozed } = chosen;
      return {
        filter: chosen,
        items: all.filter(
          (n) =>
            (n.id >= floor || n.returned_at) &&
            !n.archived === !archived &&
            !n.snoozed_until === !snoozed &&
            (!type || type.includes(n.type)) &&
            (!category || category.includes(n.category as string)) &&
            !(unread && n.read),
        ),
        hasMore: !!next,
        loading: loads > 0 || next === undefined,
      };
    },
    _begun: () => (stale ? refresh() : begun()),
    _choose(wanted) {
      chosen = wanted;
      begun();
      changed();
    },
  };
};
