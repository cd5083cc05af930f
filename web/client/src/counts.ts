/** How much is unread: the gateway's counts, and what has happened since they were made. */

import type { Count, Item, Since } from "./protocol.ts";

/** Neither turns nor heads go back, and of what is of the same there is never more unread than there was. */
const older = ({ unread, heads, turn = 0 }: Count, than: Count): boolean => {
  const turned = turn - (than.turn ?? 0);
  if (turned) return turned < 0;
  let further = unread <= than.unread;
  for (const room in heads) {
    const step = (heads[room] as number) - (than.heads[room] ?? -1);
    if (step < 0) return true;
    if (step) further = true;
  }
  return !further;
};

/** What is to be had of the counts; a tuple for the reason that the marks are one. */
export type Counts = readonly [
  /** Over everything the user has, loaded or not. */
  unread: () => number,
  /** Whether it is unread, and came after the count was made: the one that the badge stands on, if none is named. */
  isUncounted: (item: Item, count?: Count) => boolean,
  /** The newest count of the gateway. */
  newest: () => Count,
  /**
   * Takes a count of the gateway: they may come out of order, and before or after what they count. One that a connection
   * begins with holds whatever was counted before. Answers whether the badge changed.
   */
  hear: (count: Partial<Count>, begins?: boolean) => boolean,
  /** Has the badge stand on the newest count, unless marks are under way; answers whether that changed it. */
  settle: () => boolean,
  /** Counts as many more, or less, until the gateway counts again. */
  shift: (by: number) => void,
];

/** Counts `items` and all that is not loaded; while there are marks that the gateway lacks, `isOwing` says so. */
export function counting(
  items: ReadonlyMap<string, Item>,
  since: Since,
  isOwing: () => boolean,
  changed: () => void,
): Counts {
  let newest: Count = { unread: 0, heads: {} };
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
    if (isOwing()) return false;
    const before = unread();
    base = newest;
    drift = 0;
    changed();
    return unread() !== before;
  };

  return [
    unread,
    isUncounted,
    () => newest,
    ({ unread, heads = { ...since }, turn = 0 }, begins) => {
      if (unread === undefined) return false;
      const count = { unread, heads, turn };
      if (begins || !older(count, newest)) newest = count;
      return settle();
    },
    settle,
    (by) => {
      drift += by;
    },
  ];
}
