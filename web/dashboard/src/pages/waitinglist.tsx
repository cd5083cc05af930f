/** What the lists of what waits for its time have in common: when it is due, where it goes, and what can be done with it. */

import type { ReactNode } from "react";
import { For } from "../may.tsx";
import { href, userOf } from "../route.ts";
import { Ago } from "../ui/bits.tsx";
import { moment } from "../words.ts";

/** How such a list is asked for, page by page. */
export const PAGED = {
  question: { limit: 50 },
  place: "after",
  everyMs: 5_000,
  keyOf: ({ id }: { id: string }): string => id,
} as const;

/** What is asked before one of what waits is done away with, or sent before its time. */
export interface Asking {
  readonly event: "send_scheduled" | "cancel_scheduled" | "send_mail" | "cancel_mail";
  readonly id: string;
  readonly title: string;
}

export function WaitingList(props: {
  /** What its first three columns are called. */
  heads: readonly [string, string, string];
  children: ReactNode;
}): ReactNode {
  return (
    <table className="waiting-list">
      <thead>
        <tr>
          {props.heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}

export function Due({ time }: { time: string }): ReactNode {
  return (
    <td className="nowrap">
      <Ago time={time} />
      <span className="under">{moment(time)}</span>
    </td>
  );
}

export function Room({ room }: { room: string }): ReactNode {
  const user = userOf(room);
  if (user === null) return <span className="mono">{room}</span>;
  return (
    <a className="mono above" href={href({ page: "users", user })}>
      {user}
    </a>
  );
}

export function Acts(props: {
  of: "scheduled" | "mail";
  id: string;
  title: string;
  ask: (asking: Asking) => void;
}): ReactNode {
  const { of, id, title, ask } = props;
  return (
    <td className="row-acts">
      <span className="acts">
        <For event={`send_${of}`}>
          <button
            type="button"
            className="button small above"
            aria-label={`Send now: ${title}`}
            onClick={() => ask({ event: `send_${of}`, id, title })}
          >
            Send now
          </button>
        </For>
        <For event={`cancel_${of}`}>
          <button
            type="button"
            className="button small above danger-quiet"
            aria-label={`Cancel: ${title}`}
            onClick={() => ask({ event: `cancel_${of}`, id, title })}
          >
            Cancel
          </button>
        </For>
      </span>
    </td>
  );
}
