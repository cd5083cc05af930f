/** What the user did: shown at once, told the gateway in few requests, and kept while there is no connection. */

import { type Ask, type Count, MARKS, type Mark } from "./protocol.ts";

export const AGAIN_MS = 2_000;
/** Failures that say nothing about the request itself. */
const PASSING = ["offline", "timeout", "rate_limited", "unavailable"];

export interface Marks {
  /** Sends these marks as soon as it can. */
  queue(mark: Mark, ids: readonly string[]): void;
  /** Sends that all there is now is read. */
  queueAll(): void;
  isQueued(mark: Mark, id: string): boolean;
  /** Whether there are marks that the gateway lacks, or may lack. */
  isOwing(): boolean;
  /** Goes on with what is queued. */
  send(): Promise<void>;
}

export interface Ends {
  ask: Ask;
  isSettled(): boolean;
  /** All that `count` covers is read. */
  readAll(count: Count): void;
  hear(count: Partial<Count>): void;
  /** Nothing is under way any more; `undone` if some of it was not taken. */
  settle(undone: boolean): void;
}

export function marking({ ask, isSettled, readAll, hear, settle }: Ends): Marks {
  /** How many ids one request carries. */
  const IDS = 100;
  const queued: Record<Mark, Set<string>> = {
    read: new Set(),
    seen: new Set(),
    dismiss: new Set(),
    click: new Set(),
  };
  /** Whether all is to be marked as read. */
  let all = false;
  let sending = false;

  const isWaiting = (): boolean => all || MARKS.some((mark) => queued[mark].size);

  const send = async (): Promise<void> => {
    if (sending || !isSettled()) return;
    sending = true;
    let undone = false;
    try {
      while (isWaiting()) {
        if (all) {
          all = false;
          undone = true;
          const count = await ask<Count>("read", { all: true });
          readAll(count);
          hear(count);
          undone = false;
        }
        for (const mark of MARKS)
          while (queued[mark].size) {
            // A person follows one link at a time.
            const ids = [...queued[mark]].slice(0, mark === "click" ? 1 : IDS);
            hear(await ask(mark, mark === "click" ? { id: ids[0] } : { ids }));
            for (const id of ids) queued[mark].delete(id);
          }
      }
    } catch (error) {
      // All of what there will be at the next attempt is not what was meant.
      undone ||= all;
      all = false;
      if (PASSING.includes((error as { code: string }).code)) setTimeout(send, AGAIN_MS);
      else {
        undone = true;
        for (const mark of MARKS) queued[mark].clear();
      }
    }
    sending = false;
    settle(undone);
  };

  return {
    queue(mark, ids) {
      for (const id of ids) queued[mark].add(id);
      // What one turn marks goes out as one request, and what a request's time gathers as the next.
      queueMicrotask(send);
    },
    queueAll() {
      all = true;
      send();
    },
    isQueued: (mark, id) => queued[mark].has(id),
    isOwing: () => sending || isWaiting(),
    send,
  };
}
