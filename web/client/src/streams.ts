/** The rooms' streams: each notification once and in its room's order, and holes filled before what comes behind them. */

import type { Ask, Count, Notification, Since } from "./protocol.ts";

export interface Streams {
  /** Takes what a connection brought. */
  arrive(notification: Notification): void;
  /** Has what is missing up to `heads` filled in; answers whether a stream was further with us than it is there. */
  catchUp(heads: Since, resync?: readonly string[]): boolean;
  /** Forgets the holes that were being filled: the next connection begins from the same place. */
  pause(): void;
}

/** What the streams are told by, and whom they tell. */
export interface Ends {
  ask: Ask;
  /** Whether the connection has begun, so that a hole can be asked for. */
  isSettled(): boolean;
  /** Takes the next notification of a room. */
  accept(notification: Notification): void;
  hear(count: Count): void;
  /** There is more missing than a replay holds. */
  restart(): void;
}

/** Follows the streams from `since` on, and keeps it up to date. */
export function streaming(since: Since, { ask, isSettled, accept, hear, restart }: Ends): Streams {
  /** What waits for the hole before it to be filled, by room. */
  const held = new Map<string, Notification[]>();

  const take = (notification: Notification): void => {
    if (notification.seq !== null) since[notification.room] = notification.seq;
    accept(notification);
  };

  /** Fills the room's hole below `head`, then lets in what was held back behind it. */
  const repair = async (room: string, head: number): Promise<void> => {
    const waiting: Notification[] = [];
    held.set(room, waiting);
    let complete = false;
    try {
      const answer = await ask<Count & { notifications: Notification[]; resync: string[] }>("replay", {
        // Beside the rooms it has the epoch that they were counted in.
        since: { [room]: since[room], epoch: since.epoch },
      });
      hear(answer);
      for (const n of answer.notifications) if (n.room === room && n.seq !== null) waiting.push(n);
      complete = !answer.resync.length;
    } catch {
      // Without a connection, the next one begins from the same place and is sent the same.
      if (!isSettled()) return void held.delete(room);
    }
    held.delete(room);
    waiting.sort((a, b) => (a.seq as number) - (b.seq as number));
    for (const n of waiting) if ((n.seq as number) > (since[room] as number)) take(n);
    // What is still missing has expired or was recalled.
    since[room] = Math.max(since[room] as number, head);
    if (!complete) restart();
  };

  return {
    arrive(n) {
      const { room, seq } = n;
      const had = since[room];
      const waiting = held.get(room);
      if (seq === null || had === undefined) take(n);
      else if (seq <= had) return;
      else if (waiting) waiting.push(n);
      else if (isSettled() && seq > had + 1) {
        repair(room, seq - 1);
        held.get(room)?.push(n);
      } else take(n);
    },
    catchUp(heads, resync = []) {
      let ahead = false;
      for (const room in heads) {
        const had = since[room];
        const head = heads[room] as number;
        if (had !== undefined && had > head) ahead = true;
        if (had !== undefined && had < head && !resync.includes(room)) repair(room, head);
        else since[room] = head;
      }
      return ahead;
    },
    pause: () => held.clear(),
  };
}
