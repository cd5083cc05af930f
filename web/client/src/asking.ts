/** Questions that are under way: each is answered once, or fails, at the latest after a while. */

import { failure } from "./protocol.ts";

/** Ends a question: with a code, and what is said of it, or without one, and with the answer. */
export type Settle = (code?: string, value?: unknown) => void;

/** What is to be had of the questions. */
export type Asking = readonly [
  /** Puts one: `send` is given its number and how to end it. Rejects with an error whose `code` says why. */
  put: <T>(send: (n: number, settle: Settle) => void) => Promise<T>,
  /** Those that wait for an answer, by number. */
  asked: ReadonlyMap<number, Settle>,
  /** Ends all of them: there is nobody left to answer. */
  abandon: () => void,
];

/** Nobody waits longer than `ms` for an answer. */
export const asking = (ms: number): Asking => {
  const asked = new Map<number, Settle>();
  let asks = 0;
  return [
    <T>(send: (n: number, settle: Settle) => void) =>
      new Promise<T>((resolve, reject) => {
        const n = ++asks;
        const settle: Settle = (code, value) => {
          clearTimeout(late);
          asked.delete(n);
          if (code) reject(failure(code, value as object));
          else resolve(value as T);
        };
        const late = setTimeout(settle, ms, "timeout");
        asked.set(n, settle);
        send(n, settle);
      }),
    asked,
    () => {
      for (const settle of asked.values()) settle("offline");
    },
  ];
};
