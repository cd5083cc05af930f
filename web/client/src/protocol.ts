/** The shapes that travel between a page and the gateway, and the values this package answers with. */

import type { CountAnswer as Count, ReadyEvent } from "./shapes.ts";

export type {
  ActionAnswer as Action,
  ClosingEvent as Closing,
  CountAnswer as Count,
  HistoryAnswer as Page,
  InboxEvent,
  ItemAnswer as Item,
  NotificationAnswer as Notification,
  RoomsEvent as Rooms,
} from "./shapes.ts";

/** The last sequence had of each room, and beside them, as `epoch`, the line that they are of. */
export type Since = Record<string, number>;

/** Which notifications a list shows; an empty filter shows all. */
export interface Filter {
  readonly type?: readonly string[];
  readonly category?: readonly string[];
  readonly unread?: true;
  /** What was put away, or put off, and nothing else. */
  readonly archived?: true;
  readonly snoozed?: true;
}

/**
 * - `offline`: no connection; another attempt is due at `retryAt`.
 * - `online`: connected; what was missed is on its way.
 * - `ready`: nothing is missing.
 * - `stopped`: refused or ended for good; only `reconnect()` tries again.
 */
export type State = "offline" | "online" | "ready" | "stopped";

export interface Status {
  readonly state: State;
  /** Why it is offline or stopped: a code of the protocol, or one of `CODES` of this package. */
  readonly reason: string | null;
  /** When the next attempt is due, in milliseconds since the epoch. */
  readonly retryAt: number | null;
}

/** From the gateway, or from another tab, which leaves out what it has no need of. */
export type Ready = Partial<ReadyEvent> &
  Count & {
    readonly user: string;
    /** From another tab: what to count from, where that is not `heads`. */
    readonly count?: Count;
  };

const READ = { seen: true, read: true };
/** The marks: what an item is once it has one of them. */
export const DONE = { seen: { seen: true }, read: READ, dismiss: READ, click: { ...READ, clicked: true } };
export type Mark = keyof typeof DONE;

export interface ConnectOptions {
  /** Where the gateway is: an origin such as `https://notify.example`; the page's own when left out. */
  url?: string | undefined;
  /** The path of Socket.IO there; `/socket.io/` when left out. */
  path?: string | undefined;
  /** A token that holds as long as the page does. */
  token?: string | undefined;
  /** Answers a fresh token: at the start, a minute before the old one ends, and after a refusal. */
  getToken?: (() => string | Promise<string>) | undefined;
  /** One connection for all tabs of the same user, where the browser can; true by default. */
  share?: boolean | undefined;
  /** How many notifications are kept in memory; the oldest go first. 10,000 by default. */
  keep?: number | undefined;
  /** How many a page of history holds, 1 to 100; 20 by default. */
  pageSize?: number | undefined;
  /** Told every event of the gateway as it comes, before the inbox is. */
  hear?: Receive | undefined;
  /** Further options for socket.io-client, for example `{transports}`. */
  socket?: object | undefined;
}

/** Takes an event of the gateway, or one of this package's own (`state`, `applied`). */
export type Receive = (event: string, payload: never) => void;

/** Asks the gateway; rejects with an error whose `code` says why. */
export type Ask = <T>(event: string, payload: object) => Promise<T>;

/** A way to the gateway: a socket, or another tab that has one. */
export interface Way {
  /** Connects; while connected or connecting it changes nothing. */
  open(): void;
  /** Lets go for good. */
  close(): void;
  request: Ask;
}

/** A socket. */
export interface Link extends Way {
  /** Goes on under this token of the same user: at once on a live connection, which may refuse it, else from the next on. */
  renew(token: string): Promise<void>;
}

/** An error with the code of a refusal, and with what the gateway said of it. */
export const failure = (code: string, said?: object): Error & { code: string } =>
  Object.assign(new Error(code), { code }, said);
