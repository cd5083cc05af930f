import { afterEach, expect, vi } from "vitest";
import { type ConnectOptions, connect, type Inbox, type Notification, type Snapshot } from "../src/index.ts";
import { Gateway } from "./gateway.ts";

/** The deadline of a wait, well over what any of them takes. */
const DEADLINE_MS = 40_000;

const ends: (() => unknown)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const end of ends.splice(0).reverse()) await end();
});

export const atEnd = (end: () => unknown): void => void ends.push(end);

export async function gateway(path?: string): Promise<Gateway> {
  const started = await new Gateway(path).start();
  atEnd(() => started.stop());
  return started;
}

export interface Watched {
  inbox: Inbox;
  /** Every arrival told, in order. */
  told: Notification[];
  /** Every snapshot told, in order. */
  snapshots: Snapshot[];
  now(): Snapshot;
  titles(): string[];
  /** Resolves when `holds` does for a snapshot told; fails at the deadline with the last one. */
  until(holds: (snapshot: Snapshot) => boolean): Promise<Snapshot>;
}

export function watch(options: ConnectOptions): Watched {
  const inbox = connect({ socket: { transports: ["websocket"] }, ...options });
  atEnd(() => inbox.close());
  const told: Notification[] = [];
  const snapshots: Snapshot[] = [];
  inbox.onArrival((arrived) => told.push(...arrived));
  inbox.subscribe(() => snapshots.push(inbox.getSnapshot()));
  return {
    inbox,
    told,
    snapshots,
    now: inbox.getSnapshot,
    titles: () => inbox.getSnapshot().items.map((n) => n.title),
    until: (holds) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const snapshot = inbox.getSnapshot();
          if (!holds(snapshot)) return;
          clearTimeout(late);
          off();
          resolve(snapshot);
        };
        const off = inbox.subscribe(look);
        const late = setTimeout(() => {
          off();
          const { items, ...rest } = inbox.getSnapshot();
          reject(
            new Error(
              `it did not come to pass: ${JSON.stringify({ ...rest, items: items.map((n) => n.title) })}`,
            ),
          );
        }, DEADLINE_MS);
        look();
      }),
  };
}

export const loaded = (s: Snapshot): boolean => s.state === "ready" && !s.loading;

export async function ready(options: ConnectOptions): Promise<Watched> {
  const watched = watch(options);
  await watched.until(loaded);
  return watched;
}

/** Resolves when `holds` does; for what is not in a snapshot. */
export const eventually = (holds: () => void): Promise<void> =>
  vi.waitFor(holds, { timeout: DEADLINE_MS, interval: 5 });

export { expect };
