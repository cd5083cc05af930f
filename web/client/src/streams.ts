/** The rooms' streams: each notification once and in its room's order, and holes filled before what comes behind them. */

import type { Counts } from "./counts.ts";
import type { Pages } from "./pages.ts";
import type { Count, Notification, Since } from "./protocol.ts";
import type { Session } from "./session.ts";

export interface Streams {
  /** Takes what a connection brought. */
  _arrive(notification: Notification): void;
  /** Has what is missing up to `heads` filled in; answers whether a stream was further with us than it is there. */
  _catchUp(its: { heads: Since; resync?: readonly string[] | undefined }): boolean;
  /** Forgets the holes that were being filled: the next connection begins from the same place. */
  _pause(): void;
}

/**
 * Follows the streams from where the session stands, and keeps that up to date. The lists begin anew where more is missing
 * than a replay holds.
 */
export const streaming = (
  session: Session,
  accept: (n: Notification) => void,
  counts: Counts,
  pages: Pages,
): Streams => {
  const since = session._since as Since;

  /** What waits for the hole before it to be filled, by room. */
  const waits = new Map<string, Notification[]>();

  const take = (n: Notification): void => {
    if (n.seq) since[n.room] = n.seq;
    accept(n);
  };

  /** Fills the room's hole below `head`, then lets in what was held back behind it: `waiting`, and what comes meanwhile. */
  const repair = async (room: string, head: number, waiting: Notification[] = []): Promise<void> => {
    waits.set(room, waiting);
    let complete = false;
    try {
      const answer = await session._way.request<Count & { notifications: Notification[]; resync: string[] }>(
        "replay",
        {
          // Beside the rooms it has the epoch that they were counted in.
          since: { [room]: since[room], epoch: since.epoch },
        },
      );
      counts._hear(answer);
      waiting.push(...answer.notifications);
      complete = !answer.resync[0];
    } catch {
      // Without a connection, the next one begins from the same place and is sent the same.
      if (!session._settled) return;
    } finally {
      waits.delete(room);
    }
    waiting.sort((a, b) => (a.seq as number) - (b.seq as number));
    for (const n of waiting) if ((n.seq as number) > (since[room] as number)) take(n);
    // What is still missing has expired or was recalled.
    since[room] = Math.max(since[room] as number, head);
    if (!complete) pages._restart();
  };

  return {
    _arrive(n) {
      const { room, seq } = n;
      const had = since[room];
      const waiting = waits.get(room);
      if (!seq || had === undefined) take(n);
      else if (seq > had)
        if (waiting) waiting.push(n);
        else if (session._settled && seq > had + 1) repair(room, seq - 1, [n]);
        else take(n);
    },
    _catchUp({ heads, resync = [] }) {
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
    _pause: () => waits.clear(),
  };
};
