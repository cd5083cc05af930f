/** What comes of the events: the gateway's, and this package's own. */

import type { Counts } from "./counts.ts";
import type { Held } from "./held.ts";
import type { Pages } from "./pages.ts";
import type {
  ConnectOptions,
  Count,
  InboxEvent,
  Mark,
  Notification,
  Ready,
  Receive,
  Status,
} from "./protocol.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";

/** A mark of another tab, with the count that it was answered. */
type Applied = { mark: Mark; ids?: string[]; id?: string | null } & Count;

/** What takes an event, by its name. */
type Events = Readonly<Record<string, ((payload: never) => void) | undefined>>;

/** Answers what takes the events. `enter` takes that the gateway has let in, `changed` hears that what is shown has changed. */
export const hearing = (
  options: ConnectOptions,
  session: Session,
  counts: Counts,
  held: Held,
  pages: Pages,
  streams: Streams,
  enter: (ready: Ready) => void,
  changed: () => void,
): Receive => {
  const events: Events = {
    notification: streams._arrive,
    rooms: streams._catchUp,
    ready: enter,
    state(status: Status) {
      session._status = status;
      if (status.state !== "ready") {
        session._settled = false;
        streams._pause();
      }
      changed();
    },
    recalled({ id }: Notification) {
      session._arrived = session._arrived.filter((n) => n.id !== id);
      held._drop(id);
    },
    inbox(its: InboxEvent) {
      const { muted, did } = its;
      if (did) held._redo(did);
      changed();
      // What is counted from now on is something else: neither older nor newer than what was.
      if (muted) enter({ ...its, user: session._user as string, epoch: session._since.epoch as string });
      // Marked on another device, or in a tab that is about to say so: the count tells that, but not what.
      else pages._soon(counts._hear(its) || !!did);
    },
    applied({ mark, ids, id, ...count }: Applied) {
      // It was told by a count before, but for what changes none.
      if (count.unread !== undefined) pages._fresh();
      // A click that is nobody's names none.
      held._apply(mark, id === undefined ? (ids ?? held._unreadIds(count)) : [`${id}`]);
      counts._hear(count);
    },
  };
  return (event, payload) => {
    options.hear?.(event, payload);
    events[event]?.(payload);
  };
};
