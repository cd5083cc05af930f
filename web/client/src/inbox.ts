/** The inbox, as a page has it: what the user has been told, in order and once, and what the user does with it. */

import type { Ask, Filter, Notification } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Inbox {
  /** Calls `listener` after a change, at most once per animation frame. Answers how to end it. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): Snapshot;
  /** Calls `listener` with what has arrived since the last frame, oldest first; each notification once. */
  onArrival(listener: (arrived: readonly Notification[]) => void): () => void;
  /** Marks at once; the gateway is told when there is a connection. */
  read(...ids: string[]): void;
  readAll(): void;
  seen(...ids: string[]): void;
  dismiss(...ids: string[]): void;
  /** Its link is followed, which reads it too. The element says so by itself. */
  click(id: string): void;
  loadMore(): void;
  setFilter(filter: Filter): void;
  /** Asks the gateway what this page has no method for; rejects with an error whose `code` says why. */
  ask: Ask;
  /** Tries again after `stopped`. */
  reconnect(): void;
  /** Ends the connection of this inbox for good. */
  close(): void;
}
