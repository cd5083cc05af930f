/** What the user did is told the gateway: in few requests and in its order, as soon as there is a connection. */

import { AGAIN_MS } from "./backoff.ts";
import type { Counts } from "./counts.ts";
import type { Held } from "./held.ts";
import type { Owed } from "./owed.ts";
import type { Pages } from "./pages.ts";
import type { Count } from "./protocol.ts";
import type { Session } from "./session.ts";

/** Answers what tells all that is owed, unless it is under way already. A mark is owed until it is answered. */
export const sending = (
  owed: Owed,
  session: Session,
  counts: Counts,
  held: Held,
  pages: Pages,
): (() => Promise<void>) => {
  /** Failures that say nothing about the request itself. */
  const PASSING = ["offline", "timeout", "rate_limited", "unavailable"];
  /** How many ids one request carries; a person follows one link at a time. */
  const IDS = 100;
  let busy = false;

  const tell = async ([mark, ids]: Owed[number]): Promise<void> => {
    if (ids) {
      const click = mark === "click";
      const part = ids.slice(0, click ? 1 : IDS);
      counts._hear(await session._way.request(mark, click ? { id: part[0] } : { ids: part }));
      // More may have been put behind them meanwhile.
      ids.splice(0, part.length);
    } else {
      const count = await session._way.request<Count>(mark, { all: true });
      held._apply(mark, held._unreadIds(count));
      counts._hear(count);
    }
  };

  const send = async (): Promise<void> => {
    if (busy || !session._settled) return;
    busy = true;
    let undone = false;
    try {
      while (owed[0]) {
        await tell(owed[0]);
        if (!owed[0][1]?.[0]) owed.shift();
      }
    } catch (error) {
      const passing = PASSING.includes((error as { code: string }).code);
      if (passing) setTimeout(send, AGAIN_MS);
      // All of what there will be at the next attempt is not what was meant.
      const left = owed.filter(([, ids]) => passing && ids);
      undone = left.length < owed.length;
      owed.splice(0, owed.length, ...left);
    }
    busy = false;
    if (counts._settle() || undone) pages._refresh();
  };
  return send;
};
