/** What the user did: shown at once, told the gateway in few requests and in its order, and kept while there is no connection. */

import type { Ask, Count, Mark } from "./protocol.ts";

export const AGAIN_MS = 2_000;
/** Failures that say nothing about the request itself. */
const PASSING = ["offline", "timeout", "rate_limited", "unavailable"];

/** What is to be had of the marks: a tuple, since a name that nobody else reads would be paid for by every page. */
export type Marks = readonly [
  /** Sends these marks as soon as it can; without ids, that all there is then is marked. */
  queue: (mark: Mark, ids?: readonly string[]) => void,
  isQueued: (mark: Mark, id: string) => boolean,
  /** Whether there are marks that the gateway lacks, or may lack. */
  isOwing: () => boolean,
  /** Goes on with what is queued. */
  send: () => Promise<void>,
];

/**
 * `readAll` hears that all a count covers is read, `settle` that nothing is under way any more: `undone` if some of it was
 * not taken.
 */
export function marking(
  ask: Ask,
  isSettled: () => boolean,
  readAll: (count: Count) => void,
  hear: (count: Partial<Count>) => void,
  settle: (undone: boolean) => void,
): Marks {
  /** How many ids one request carries. */
  const IDS = 100;
  let queued: [mark: Mark, ids: string[] | undefined][] = [];
  let sending = false;

  const send = async (): Promise<void> => {
    if (sending || !isSettled()) return;
    sending = true;
    let undone = false;
    try {
      while (queued[0]) {
        const [mark, ids] = queued[0];
        if (ids) {
          // A person follows one link at a time.
          const part = ids.slice(0, mark === "click" ? 1 : IDS);
          hear(await ask(mark, mark === "click" ? { id: part[0] } : { ids: part }));
          // More may have been put behind them meanwhile.
          ids.splice(0, part.length);
          if (!ids[0]) queued.shift();
        } else {
          queued.shift();
          undone = true;
          const count = await ask<Count>(mark, { all: true });
          readAll(count);
          hear(count);
          undone = false;
        }
      }
    } catch (error) {
      // All of what there will be at the next attempt is not what was meant.
      undone ||= queued.some(([, ids]) => !ids);
      queued = queued.filter(([, ids]) => ids);
      if (PASSING.includes((error as { code: string }).code)) setTimeout(send, AGAIN_MS);
      else {
        undone = true;
        queued = [];
      }
    }
    sending = false;
    settle(undone);
  };

  const queue = (mark: Mark, ids?: readonly string[]): void => {
    const [last, before] = queued.at(-1) ?? [];
    if (ids && before && last === mark) before.push(...ids);
    else queued.push([mark, ids && [...ids]]);
    // What one turn marks goes out as one request, and what a request's time gathers as the next.
    queueMicrotask(send);
  };

  return [
    queue,
    (mark, id) => queued.some(([how, ids]) => how === mark && ids?.includes(id)),
    () => sending || !!queued[0],
    send,
  ];
}
