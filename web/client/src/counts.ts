/** How much is unread: the gateway's counts, and what has happened since they were made. */

import type { Owed } from "./owed.ts";
import type { Count, Item } from "./protocol.ts";
import type { Session } from "./session.ts";

type Counted = Required<Count>;

/** Neither turns nor heads go back, and of what is of the same there is never more unread than there was. */
const older = ({ unread, heads, turn }: Counted, than: Counted): boolean => {
  const turned = turn - than.turn;
  if (turned) return turned < 0;
  let further = unread <= than.unread;
  for (const room in heads) {
    const step = (heads[room] as number) - (than.heads[room] ?? -1);
    if (step < 0) return true;
    if (step) further = true;
  }
  return !further;
};

export interface Counts {
  /** Over everything the user has, loaded or not. */
  _unread(): number;
  /** Whether it is unread, and came after the count was made: the one that the badge stands on, if none is named. */
  _isUncounted(item: Item, count?: Count): boolean;
  /** The newest count of the gateway. */
  _newest(): Count;
  /**
   * Takes a count of the gateway: they may come out of order, and before or after what they count. One that a connection
   * begins with holds whatever was counted before. Answers whether the badge changed.
   */
  _hear(count: Partial<Count>, begins?: boolean): boolean;
  /** Has the badge stand on the newest count, unless marks are under way; answers whether that changed it. */
  _settle(): boolean;
  /** Counts as many more, or less, until the gateway counts again. */
  _shift(by: number): void;
}

/** Counts `items` and all that is not loaded. */
export const counting = (
  items: ReadonlyMap<string, Item>,
  session: Session,
  owed: Owed,
  changed: () => void,
): Counts => {
  let newest: Counted = { unread: 0, heads: {}, turn: 0 };
  /** The count that the badge stands on: the newest, but for one that lacks marks which are still under way. */
  let base = newest;
  /** What marks took from `base` since, and what was let go of gave to it. */
  let drift = 0;

  const isUncounted = (item: Item, { heads } = base): boolean =>
    !item.read && (item.seq as number) > (heads[item.room] ?? 0);

  const unread = (): number => {
    let sum = base.unread + drift;
    for (const item of items.values()) if (isUncounted(item)) sum++;
    return Math.max(0, sum);
  };

  const settle = (): boolean => {
    if (owed[0]) return false;
    const before = unread();
    base = newest;
    drift = 0;
    changed();
    return unread() !== before;
  };

  return {
    _unread: unread,
    _isUncounted: isUncounted,
    _newest: () => newest,
    _hear({ unread, heads = { ...session._since }, turn = 0 }, begins) {
      if (unread === undefined) return false;
      const count = { unread, heads, turn };
      if (begins || !older(count, newest)) newest = count;
      return settle();
    },
    _settle: settle,
    _shift(by) {
      drift += by;
    },
  };
};
