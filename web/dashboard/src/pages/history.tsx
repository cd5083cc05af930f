import { type ReactNode, useCallback, useEffect, useState } from "react";
import { useEvent } from "../context.tsx";
import { More, type Paged, usePages } from "../paging.tsx";
import { useParameter } from "../parameter.ts";
import type { HistoryItem, HistoryPage } from "../protocol.ts";
import { Ago, Chip, Empty, Failed, MailChip, Segments, TypeChip, Waiting } from "../ui/bits.tsx";
import { Details } from "./details.tsx";

const EVERY_MS = 5_000;
const PAGE = 30;
const itemsOf = (page: HistoryPage): readonly HistoryItem[] => page.notifications;
const keyOf = ({ id }: HistoryItem): string => id;

type Shown = "all" | "unread";

/** What a person was told, the newest first. */
export function History({ user, topics }: { user: string; topics: readonly string[] }): ReactNode {
  const [given, setShown] = useParameter("shown");
  const shown: Shown = given === "unread" ? given : "all";
  const { data, items, error, reload, next, more } = useHistory(user, shown === "unread", topics);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <section className="card" aria-labelledby="history">
      <header className="card-head">
        <h2 id="history">History</h2>
        <Segments<Shown>
          label="Shown"
          value={shown}
          choose={(wanted) => setShown(wanted === "all" ? "" : wanted)}
          options={[
            { value: "all", label: "All" },
            { value: "unread", label: "Unread" },
          ]}
        />
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={6} />
        )
      ) : items.length === 0 ? (
        <Empty icon="bell" title={shown === "unread" ? "All read" : "Nothing yet"}>
          {shown === "unread"
            ? "There is nothing this user has not read."
            : "What is emitted to them is kept here."}
        </Empty>
      ) : (
        <table className="history">
          <thead>
            <tr>
              <th scope="col">Type</th>
              <th scope="col">Notification</th>
              <th scope="col">Read</th>
              <th scope="col">Mail</th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <Row key={item.id} item={item} user={user} open={setOpen} />
            ))}
          </tbody>
        </table>
      )}
      <More next={next} more={more}>
        Older
      </More>
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </section>
  );
}

function Row(props: { item: HistoryItem; user: string; open: (id: string) => void }): ReactNode {
  const { item, user } = props;
  return (
    <tr>
      <td>
        <TypeChip type={item.type} />
      </td>
      <td className="said">
        <button type="button" className="row-link strong clip" dir="auto" onClick={() => props.open(item.id)}>
          {item.title}
        </button>
        <span className="under clip" dir="auto">
          {item.room === `user:${user}` ? null : <span className="mono">{item.room} </span>}
          {item.body}
        </span>
      </td>
      <td>
        {item.read ? (
          <Chip tone="good">Read</Chip>
        ) : item.seen ? (
          <Chip tone="accent">Seen</Chip>
        ) : (
          <Chip>Unread</Chip>
        )}
      </td>
      <td>{item.mail ? <MailChip state={item.mail.state} /> : <span className="soft none">–</span>}</td>
      <td className="soft nowrap">
        <Ago time={item.created_at} />
      </td>
    </tr>
  );
}

/** The pages of a person's history that were read, the first as it is now. */
function useHistory(
  user: string,
  unread: boolean,
  topics: readonly string[],
): Paged<HistoryPage, HistoryItem> {
  // What became of a mail is told by nobody: it is asked for.
  const pages = usePages<HistoryPage, HistoryItem>({
    event: "history",
    question: { user, limit: PAGE, unread },
    place: "before",
    everyMs: EVERY_MS,
    itemsOf,
    keyOf,
  });
  const { reload, forget } = pages;
  // What is emitted to this user while one looks belongs on top.
  const feed = useCallback(
    ({ notifications }: { notifications: { room: string }[] }) => {
      const rooms = [`user:${user}`, "all", ...topics.map((topic) => `topic:${topic}`)];
      if (notifications.some(({ room }) => rooms.includes(room))) reload();
    },
    [user, topics, reload],
  );
  useEvent("feed", feed);
  const named = topics.join(" ");
  // Whose topics were unknown is online now: the history is of more rooms than it was.
  useEffect(() => {
    if (!named) return;
    forget();
    reload();
  }, [named, forget, reload]);
  return pages;
}
