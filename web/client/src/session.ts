/** Where a user's session stands: all that more than one part of an inbox knows of it, and the way by which the gateway is asked. */

import { failure, type Notification, type Since, type Status, type Way } from "./protocol.ts";
import { EMPTY } from "./snapshot.ts";

export interface Session {
  /** The last sequence had of each room; beside them, as `epoch`, the line that they are of: a room of that name there is none. */
  readonly _since: Since & { epoch?: string | undefined };
  _status: Status;
  _user: string | null;
  /** Types that are not shown, but in the user's own room. */
  _muted: readonly string[];
  /** What has come since it was told last, oldest first. */
  _arrived: Notification[];
  /** From `ready` on until the connection is lost: holes can be asked for, and marks be told. */
  _settled: boolean;
  /** For good. */
  _closed: boolean;
  _way: Way;
  /** Keeps `_since` over a reload, where that can be. */
  _keep?: (() => void) | undefined;
}

/** One that has not begun: there is no way yet. */
export const beginning = (): Session => ({
  _since: {},
  _status: EMPTY,
  _user: null,
  _muted: [],
  _arrived: [],
  _settled: false,
  _closed: false,
  _way: {
    open() {},
    close() {},
    async request() {
      throw failure("offline");
    },
  },
});
