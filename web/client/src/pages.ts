/** The lists: pages of the history, one list a filter, and how far down each of them is complete. */

import { jitter, SOON_MS } from "./backoff.ts";
import { AGAIN_MS } from "./marks.ts";
import type { Ask, Filter, Item, Page } from "./protocol.ts";

interface View {
  /** The cursor of the next older page; null at the end, undefined before the first. */
  next?: string | null;
  /** The oldest id down to which nothing that matches is missing. */
  floor: string;
}

/** What is to be had of the lists; a tuple for the reason that the marks are one. */
export type Pages = readonly [
  /** Fetches the next older page of the list, unless one is on its way. */
  more: () => void,
  /** Fetches the newest again, as far as it matters. */
  refresh: () => void,
  /** The same in a moment, once for all who ask until then. */
  soon: () => void,
  /** What was asked for soon is known by now. */
  fresh: () => void,
  /** Begins the lists anew: between what is held and the newest there may be a hole. */
  restart: () => void,
  /** What of `all`, newest first, belongs to the list, and whether it goes on. */
  shown: (all: readonly Item[]) => {
    readonly filter: Filter;
    readonly items: Item[];
    readonly hasMore: boolean;
    readonly loading: boolean;
  },
  /** What lies at `id` and below was let go of: the lists end here, rather than with a hole. */
  cut: (id: string) => void,
  /** Fetches the first page of the list, if it has none. */
  begun: () => void,
  /** Shows another list. */
  choose: (filter: Filter) => void,
];

/** `found` takes an item of the history as the gateway has it. */
export function paging(
  items: Map<string, Item>,
  pageSize: number,
  ask: Ask,
  isSettled: () => boolean,
  found: (item: Item) => void,
  changed: () => void,
): Pages {
  const views = new Map<string, View>();
  let loads = 0;
  /** Of the list that is shown. */
  let chosen: Filter = {};
  let stale: ReturnType<typeof setTimeout> | undefined;

  const viewOf = (filter: Filter): View => {
    const name = JSON.stringify(filter);
    const view = views.get(name) ?? { floor: "~" };
    views.set(name, view);
    return view;
  };

  const isUntouched = (filter: Filter): boolean => viewOf(filter).next === undefined;

  /** Fetches a page: the next older one, or the `again` newest. */
  const load = async (filter: Filter, again = 0): Promise<void> => {
    const view = viewOf(filter);
    if (view.next === null && !again) return;
    loads++;
    changed();
    try {
      const {
        notifications,
        next,
        returned = [],
      } = await ask<Page>("history", {
        limit: again || pageSize,
        before: again ? undefined : (view.next as string),
        ...filter,
      });
      // A list begun anew meanwhile has no use for the page.
      if (viewOf(filter) !== view) return;
      const ids = notifications.map((n) => n.id).sort();
      const oldest = next === null ? "" : (ids[0] as string);
      const youngest = ids.at(-1) as string;
      for (const item of [...notifications, ...returned]) found(item);
      if (again)
        // What should be on the page and is not was dismissed or recalled elsewhere, unless it was put away or off.
        for (const [id, { archived, snoozed_until }] of items)
          if (id >= oldest && id <= youngest && !ids.includes(id) && !archived && !snoozed_until)
            items.delete(id);
      if (!again || view.next === undefined) view.next = next;
      if (oldest < view.floor) view.floor = oldest;
    } catch {
      // A list that has something waits for the next wish to see more; an empty one is owed its first page.
      if (isSettled() && isUntouched(filter)) setTimeout(() => isSettled() && load(filter), AGAIN_MS);
    } finally {
      loads--;
      changed();
    }
  };

  const fresh = (): void => {
    clearTimeout(stale);
    stale = undefined;
  };

  const refresh = (): void => {
    fresh();
    if (isSettled()) load({}, Math.min(100, Math.max(pageSize, items.size)));
  };

  const begun = (): void => {
    if (isUntouched(chosen)) load(chosen);
  };

  return [
    () => {
      if (!loads) load(chosen);
    },
    refresh,
    () => {
      stale ??= setTimeout(refresh, jitter(SOON_MS));
    },
    fresh,
    () => {
      items.clear();
      views.clear();
      load({});
      if (viewOf(chosen) !== viewOf({})) load(chosen);
    },
    (all) => {
      const { floor, next } = viewOf(chosen);
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
    (id) => {
      for (const view of views.values()) {
        if (view.floor <= id) {
          view.floor = id;
          view.next = null;
        }
      }
    },
    begun,
    (wanted) => {
      chosen = wanted;
      begun();
      changed();
    },
  ];
}
