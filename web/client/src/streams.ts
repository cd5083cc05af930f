/** The rooms' streams: each notification once and in its room's order, and holes filled before what comes behind them. */

import type { Ask, Count, Notification, Since } from "./protocol.ts";

/** What is to be had of the streams; a tuple for the reason that the marks are one. */
export type Streams = readonly [
  /** Takes what a connection brought. */
  arrive: (notification: Notification) => void,
  /** Has what is missing up to `heads` filled in; answers whether a stream was further with us than it is there. */
  catchUp: (heads: Since, resync?: readonly string[]) => boolean,
  /** Forgets the holes that were being filled: the next connection begins from the same place. */
  pause: () => void,
];

/**
 * Follows the streams from `since` on, and keeps it up to date. `isSettled` says whether a hole can be asked for, `accept`
 * takes the next notification of a room, `restart` hears that there is more missing than a replay holds.
 */
export function streaming(
  since: Since,
  ask: Ask,
  isSettled: () => boolean,
  accept: (notification: Notification) => void,
  hear: (count: Count) => void,
  restart: () => void,
): Streams {
  /** What waits for the hole before it to be filled, by room. */
  const held = new Map<string, Notification[]>();

  const take = (notification: Notification): void => {
    if (notification.seq) since[notification.room] = notification.seq;
    accept(notification);
  };

  /** Fills the room's hole below `head`, then lets in what was held back behind it: `waiting`, and what comes meanwhile. */
  const repair = async (room: string, head: number, waiting: Notification[] = []): Promise<void> => {
    held.set(room, waiting);
    let complete = false;
    try {
      const answer = await ask<Count & { notifications: Notification[]; resync: string[] }>("replay", {
        // Beside the rooms it has the epoch that they were counted in.
        since: { [room]: since[room], epoch: since.epoch },
      });
      hear(answer);
      waiting.push(...answer.notifications);
      complete = !answer.resync.length;
    } catch {
      // Without a connection, the next one begins from the same place and is sent the same.
      if (!isSettled()) return;
    } finally {
      held.delete(room);
    }
    waiting.sort((a, b) => (a.seq as number) - (b.seq as number));
    for (const n of waiting) if ((n.seq as number) > (since[room] as number)) take(n);
    // What is still missing has expired or was recalled.
    since[room] = Math.max(since[room] as number, head);
    if (!complete) restart();
  };

  return [
    (n) => {
      const { room, seq } = n;
      const had = since[room];
      const waiting = held.get(room);
      if (!seq || had === undefined) take(n);
      else if (seq > had)
        if (waiting) waiting.push(n);
        else if (isSettled() && seq > had + 1) repair(room, seq - 1, [n]);
        else take(n);
    },
    (heads, resync = []) => {
      let ahead = false;
      for (const room in heads) {
        const head = heads[room] as number;
        const had = since[room] ?? head;
        if (had > head) ahead = true;
        if (had < head && !resync.includes(room)) repair(room, head);
        else since[room] = head;
      }
      return ahead;
    },
    () => held.clear(),
  ];
}
