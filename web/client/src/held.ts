/** What is held of the inbox: items by id, of each room and key the newest alone, and what is not shown any more. */

import type { Counts } from "./counts.ts";
import type { Owed } from "./owed.ts";
import { type Count, DONE, type Item, type Mark, type Notification } from "./protocol.ts";
import type { ChangedAnswer, DidAnswer } from "./shapes.ts";

export interface Held {
  /** Shows a mark, whoever made it. */
  _apply(mark: Mark, ids: Iterable<string>): void;
  /** Takes one out that nobody can take back. */
  _drop(id: string): void;
  /** Does here what was done elsewhere. */
  _redo(did: DidAnswer): void;
  /** Takes an item of the history as the gateway has it. */
  _found(item: Item): void;
  /** Takes one that has come; answers whether it stands for others, of which the gateway alone knows whether they were unread. */
  _take(notification: Notification): boolean;
  /** Lets go of one for want of room; it stays counted. */
  _letGo(item: Item): void;
  /** Those unread that `count` covers, or all. */
  _unreadIds(count?: Count): string[];
}

/** Holds `items`: shown with the marks that the gateway lacks, and counted by the badge as they change. */
export const holding = (items: Map<string, Item>, owed: Owed, counts: Counts, changed: () => void): Held => {
  /** Of more that are not shown any more none is still on its way, nor taken back. */
  const GONE = 1_000;
  /**
   * What is not shown any more, as a page that was on its way must not bring it back; with what was dismissed, for it may
   * be taken back.
   */
  const gone = new Map<string, Item | undefined>();

  const apply = (mark: Mark, ids: Iterable<string>, counted = true): void => {
    for (const id of ids) {
      change(id, DONE[mark], counted);
      if (mark !== "dismiss") continue;
      if (gone.size > GONE) gone.clear();
      gone.set(id, items.get(id) ?? gone.get(id));
      items.delete(id);
    }
    changed();
  };

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
    if (counted && !counts._isUncounted(now.read ? item : now)) counts._shift(+item.read - +now.read);
  };

  /** Keeps an item, and of its room and key the newest alone. */
  const keepNewest = (n: Item): void => {
    items.set(n.id, n);
    if (n.collapse_key)
      for (const o of items.values())
        if (o !== n && o.room === n.room && o.collapse_key === n.collapse_key) {
          const [older, newer] = (o.seq as number) < (n.seq as number) ? [o, n] : [n, o];
          // A count that has the newer one has left the older out already.
          drop(older.id, counts._isUncounted(newer));
        }
  };

  return {
    _apply: apply,
    _drop: drop,
    _redo({ ids, item, notifications }) {
      for (const id of ids)
        if (item?.dismissed) apply("dismiss", [id]);
        else {
          change(id, item);
          gone.delete(id);
        }
      notifications?.forEach(keepNewest);
    },
    _found(n) {
      if (gone.has(n.id)) return;
      for (const [mark, ids] of owed) if (ids?.includes(n.id)) n = { ...n, ...DONE[mark] };
      keepNewest(n);
    },
    _take(n) {
      if (!n.seq || items.has(n.id) || gone.has(n.id)) return false;
      const { size } = items;
      keepNewest({ ...n, read: false, seen: false, clicked: false });
      return items.size > size && (n.collapsed as number) > 1;
    },
    _letGo(item) {
      items.delete(item.id);
      counts._shift(+counts._isUncounted(item));
    },
    _unreadIds: (count) =>
      [...items.values()]
        .filter((n) => !n.read && !(count && counts._isUncounted(n, count)))
        .map((n) => n.id),
  };
};
