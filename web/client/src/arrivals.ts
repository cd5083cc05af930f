/** What has come: shown and told once, and what is muted not at all. */

import { jitter, SOON_MS } from "./backoff.ts";
import type { Counts } from "./counts.ts";
import type { Held } from "./held.ts";
import type { Count, Notification } from "./protocol.ts";
import type { Session } from "./session.ts";

/** Answers what takes the next of a room. */
export const arriving =
  (session: Session, held: Held, counts: Counts, changed: () => void) =>
  (n: Notification): void => {
    if (n.room !== `user:${session._user}` && session._muted.includes(n.type)) return;
    // Whether what is not loaded, and is not shown any more, was unread, the gateway alone knows.
    if (held._take(n) && session._settled)
      setTimeout(
        () => session._way.request<Count>("replay", { since: {} }).then(counts._hear, () => {}),
        jitter(SOON_MS),
      );
    session._arrived.push(n);
    changed();
  };
