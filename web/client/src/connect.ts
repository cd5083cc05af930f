/**
 * How an inbox is put together: each part has a file, and knows those made before it.
 *
 * What more than one part knows is in the session. A name that begins with `_` is the core's own, and shortened in what is
 * published.
 */

import { arriving } from "./arrivals.ts";
import { counting } from "./counts.ts";
import { doing } from "./doing.ts";
import { entering } from "./entering.ts";
import { framed } from "./frames.ts";
import { hearing } from "./hearing.ts";
import { holding } from "./held.ts";
import type { Inbox } from "./inbox.ts";
import { landing } from "./landing.ts";
import { listen } from "./listen.ts";
import { opening, refusePath } from "./opening.ts";
import type { Owed } from "./owed.ts";
import { paging } from "./pages.ts";
import type { ConnectOptions, Item, Notification } from "./protocol.ts";
import { sending } from "./sending.ts";
import { beginning } from "./session.ts";
import { EMPTY } from "./snapshot.ts";
import { streaming } from "./streams.ts";

/**
 * Opens a live inbox. It connects by itself, and stays connected until `close`.
 *
 * Throws a `TypeError` when `url` is none or has a path.
 */
export const connect = (options: ConnectOptions): Inbox => {
  refusePath(options.url);
  const session = beginning();
  const items = new Map<string, Item>();
  const listeners = new Set<() => void>();
  const arrivals = new Set<(arrived: readonly Notification[]) => void>();
  let snapshot = EMPTY;

  const changed = framed(() => {
    if (session._closed) return;
    // The lists first: what they let go of stays counted.
    snapshot = { ...session._status, user: session._user, ...pages._shown(), unread: counts._unread() };
    session._keep?.();
    const news = session._arrived;
    session._arrived = [];
    for (const listener of listeners) listener();
    if (news[0]) for (const listener of arrivals) listener(news);
  });

  const owed: Owed = [];
  const counts = counting(items, session, owed, changed);
  const held = holding(items, owed, counts, changed);
  const pages = paging(items, options, session, held, changed);
  const send = sending(owed, session, counts, held, pages);
  const streams = streaming(session, arriving(session, held, counts, changed), counts, pages);
  const enter = entering(session, counts, pages, streams, send);
  const receive = hearing(options, session, counts, held, pages, streams, enter, changed);

  opening(options, session, receive, (tell) => {
    const { epoch, ...heads } = session._since;
    if (session._settled)
      tell("ready", { user: session._user, heads, count: counts._newest(), epoch, muted: session._muted });
    tell("state", session._status);
  });

  const inbox: Inbox = {
    subscribe: listen(listeners),
    getSnapshot: () => snapshot,
    onArrival: listen(arrivals),
    loadMore: pages._more,
    setFilter: pages._choose,
    ...doing(items, session, owed, send, counts, held),
    reconnect: () => session._way.open(),
    close() {
      session._closed = true;
      session._settled = false;
      // Nobody is told anything from here on: nothing is laid out any more.
      session._way.close();
    },
  };
  landing(inbox, receive);
  return inbox;
};
