/** What a page may do in an inbox: marks are shown at once, and what takes something back does not overtake them. */

import { SOON_MS } from "./backoff.ts";
import type { Counts } from "./counts.ts";
import type { Held } from "./held.ts";
import type { Inbox } from "./inbox.ts";
import type { Owed } from "./owed.ts";
import type { Ask, Item, Mark } from "./protocol.ts";
import type { Session } from "./session.ts";

/** Answers what the inbox has for it, by its names there. `send` tells what is owed. */
export const doing = (
  items: ReadonlyMap<string, Item>,
  session: Session,
  owed: Owed,
  send: () => Promise<void>,
  counts: Counts,
  held: Held,
): Pick<Inbox, "read" | "readAll" | "seen" | "dismiss" | "click" | "ask"> => {
  const tell = (how: Mark, ids?: readonly string[]): void => {
    const [last, before] = owed.at(-1) ?? [];
    if (ids && before && last === how) before.push(...ids);
    else owed.push([how, ids && [...ids]]);
    // What one turn marks goes out as one request, and what a request's time gathers as the next.
    queueMicrotask(send);
  };

  const mark =
    (how: Mark) =>
    (...ids: readonly string[]): void => {
      // An item says of itself what it is by the name of the mark, but for those that are gone.
      const told = how === "click" ? "clicked" : how;
      const news = ids.filter((id) => !items.get(id)?.[told as "read"]);
      if (!news[0]) return;
      held._apply(how, news);
      tell(how, news);
    };
  const read = mark("read");
  const ask: Ask = async (event, payload) => {
    while (/^un/.test(event) && session._settled && owed[0])
      await new Promise((done) => setTimeout(done, SOON_MS));
    return session._way.request(event, payload);
  };

  return {
    read,
    seen: mark("seen"),
    dismiss: mark("dismiss"),
    click: mark("click"),
    readAll() {
      const ids = held._unreadIds();
      // While away only what is at hand is marked: what comes meanwhile was seen by nobody.
      if (!session._settled) return read(...ids);
      held._apply("read", ids);
      counts._shift(-counts._unread());
      tell("read");
    },
    ask,
  };
};
