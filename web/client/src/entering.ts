/** The beginning of a connection, and of what is counted anew: what was missed is caught up with, and what is owed is told. */

import type { Counts } from "./counts.ts";
import type { Pages } from "./pages.ts";
import type { Ready } from "./protocol.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";

/** Answers what takes that the gateway has let in. `send` tells what is owed. */
export const entering =
  (session: Session, counts: Counts, pages: Pages, streams: Streams, send: () => void) =>
  (ready: Ready): void => {
    const { resync, user, muted = [] } = ready;
    // What is muted may be other than it was, and so may the user: what is to be shown is known to the gateway.
    const other = session._user !== user || resync?.[0] || session._muted[0] || muted[0];
    session._muted = muted;
    session._user = user;
    session._settled = true;
    // A stream that is behind us has begun again: what we hold is of another.
    const anew = streams._catchUp(ready) || other;
    // After the repairs have asked: what they have had was counted in the former one.
    session._since.epoch = ready.epoch;
    const marked = counts._hear(ready.count ?? ready, true);
    if (anew) pages._restart();
    else if (marked) pages._refresh();
    else pages._begun();
    send();
  };
