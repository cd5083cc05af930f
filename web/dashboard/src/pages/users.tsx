import { type ReactNode, useCallback, useEffect, useState } from "react";
import { type Asked, refusal, useAsk, useDesk, useEvent } from "../context.tsx";
import { For } from "../may.tsx";
import { useParameter } from "../parameter.ts";
import type { FoundUsers, HistoryItem, HistoryPage, Joined, Left, Roster, UserView } from "../protocol.ts";
import { href } from "../route.ts";
import {
  Ago,
  Avatar,
  Chip,
  Empty,
  Failed,
  Heading,
  MailChip,
  Segments,
  TypeChip,
  Waiting,
} from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, plural } from "../words.ts";
import { Choices } from "./choices.tsx";
import { Details } from "./details.tsx";
import { Digests } from "./digests.tsx";
import { useSettled } from "./online.tsx";
import { Profile, Topics } from "./person.tsx";

const HISTORY_MS = 5_000;
const NO_TOPICS: readonly string[] = [];

export function Users({ user }: { user: string | null }): ReactNode {
  return user === null ? <Find /> : <One user={user} />;
}

function Find(): ReactNode {
  const [text, setText] = useParameter("find");
  const wanted = useSettled(text.trim());
  const online = useAsk<Roster>("presence", { prefix: wanted, limit: 8 });
  const known = useAsk<FoundUsers>("find_users", wanted ? { text: wanted, limit: 20 } : null);
  const { data, error, reload } = online;
  return (
    <>
      <Heading title="Users" note="One person's view: what they got, what they read, what was mailed" />
      <form
        className="card find"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) location.hash = href({ page: "users", user: text.trim() });
        }}
      >
        <label className="search wide">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Name, address or user id"
            placeholder="A name, an address, or a user id"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary" disabled={text.trim() === ""}>
          Look up
        </button>
      </form>
      {wanted ? <Found wanted={wanted} asked={known} /> : null}
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-labelledby="here">
        <header className="card-head">
          <h2 id="here">{wanted ? `Online, with an id like “${wanted}”` : "Online now"}</h2>
          <a href={href({ page: "online" })}>Show all</a>
        </header>
        {data === null ? (
          error ? null : (
            <Waiting lines={3} />
          )
        ) : data.online.length ? (
          <ul className="people">
            {data.online.map((entry) => (
              <li key={entry.user} className="person">
                <Avatar name={entry.name ?? entry.user} online />
                <span className="clip">
                  <a className="row-link strong" href={href({ page: "users", user: entry.user })}>
                    {entry.name ?? entry.user}
                  </a>
                  <span className="under mono clip">{entry.user}</span>
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <Empty icon="users" title={wanted ? "Nobody with such an id is online" : "Nobody is here"}>
            Press “Look up” to see someone by the whole id.
          </Empty>
        )}
      </section>
    </>
  );
}

/** Whom the gateway knows by what was written, online or not. */
function Found({ wanted, asked }: { wanted: string; asked: Asked<FoundUsers> }): ReactNode {
  const { data, error, reload } = asked;
  return (
    <section className="card below" aria-labelledby="known">
      <header className="card-head">
        <h2 id="known">Known as “{wanted}”</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={3} />
        )
      ) : data.users.length ? (
        <ul className="people">
          {data.users.map(({ user, name, email, last_seen }) => (
            <li key={user} className="person">
              <Avatar name={name ?? user} />
              <span className="clip">
                <a className="row-link strong" href={href({ page: "users", user })}>
                  {name ?? user}
                </a>
                <span className="under clip">
                  <span className="mono">{user}</span>
                  {email ? ` · ${email}` : null}
                </span>
              </span>
              {last_seen ? (
                <span className="soft small nowrap seen">
                  <Ago time={last_seen} />
                </span>
              ) : null}
            </li>
          ))}
        </ul>
      ) : (
        <Empty icon="search" title="Nobody is known by that">
          People are found by how their id, their address, or a word of their name begins.
        </Empty>
      )}
      {data?.more ? <p className="card-foot soft">There are more: write more of the name.</p> : null}
    </section>
  );
}

function One({ user }: { user: string }): ReactNode {
  const { gateway } = useDesk();
  const { data, error, reload } = useAsk<UserView>("user", { user }, 15_000);
  const [asking, setAsking] = useState<"disconnect" | "erase" | null>(null);
  const [version, setVersion] = useState(0);
  const changed = useCallback(
    (who: { user: string }) => {
      if (who.user === user) reload();
    },
    [user, reload],
  );
  useEvent<Joined>("presence:joined", changed);
  useEvent<Left>("presence:left", changed);
  const name = data?.name ?? user;
  const topics = data?.online?.topics ?? NO_TOPICS;
  return (
    <>
      <a className="back" href={href({ page: "users", user: null })}>
        <Icon name="back" />
        Users
      </a>
      <header className="heading profile">
        <Avatar name={name} online={data?.online != null} />
        <div className="profile-words">
          <h1>{name}</h1>
          <p className="soft">
            <span className="mono">{user}</span>
            {data?.email ? ` · ${data.email}` : ""}
          </p>
        </div>
        <div className="acts">
          <For event="emit">
            <a className="button" href={href({ page: "compose", to: `user:${user}`, type: "" })}>
              <Icon name="compose" />
              Notify
            </a>
          </For>
          <For event="disconnect_user">
            <button
              type="button"
              className="button"
              disabled={!data?.online}
              onClick={() => setAsking("disconnect")}
            >
              <Icon name="plug" />
              Disconnect…
            </button>
          </For>
          <For event="erase_user">
            <button type="button" className="button danger-quiet" onClick={() => setAsking("erase")}>
              <Icon name="trash" />
              Erase…
            </button>
          </For>
        </div>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {error && data === null ? null : (
        <dl className="card strip">
          <div>
            <dt>State</dt>
            <dd>
              {data === null ? (
                <span className="bone short" />
              ) : data.online ? (
                <Chip tone="good">Online</Chip>
              ) : (
                <Chip>Away</Chip>
              )}
            </dd>
          </div>
          <div>
            <dt>Connections</dt>
            <dd>{data ? figure(data.online?.connections ?? 0) : <span className="bone short" />}</dd>
          </div>
          <div>
            <dt>Unread</dt>
            <dd>{data ? figure(data.unread) : <span className="bone short" />}</dd>
          </div>
          <div>
            <dt>{data?.online ? "Here since" : "Last seen"}</dt>
            <dd>
              {data === null ? (
                <span className="bone short" />
              ) : data.online ? (
                <Ago time={data.online.since} />
              ) : data.last_seen ? (
                <Ago time={data.last_seen} />
              ) : (
                "Never"
              )}
            </dd>
          </div>
        </dl>
      )}
      <div className="halves">
        <Profile user={user} key={`profile ${version}`} />
        <Topics user={user} ofToken={topics} changed={reload} key={`topics ${version}`} />
      </div>
      <Choices user={user} key={`choices ${version}`} />
      <Digests user={user} key={`digests ${version}`} />
      <History user={user} topics={topics} key={version} />
      {asking === "disconnect" ? (
        <Confirm
          title={`Disconnect ${name}?`}
          act="Disconnect"
          danger
          close={() => setAsking(null)}
          run={async () => {
            const { disconnected } = await gateway.ask<{ disconnected: number }>("disconnect_user", { user });
            toast(`${plural(disconnected, "connection")} ended`, "good");
            reload();
          }}
        >
          <p>Every tab and device is sent away now. They may sign in again; take away their token as well.</p>
        </Confirm>
      ) : null}
      {asking === "erase" ? (
        <Confirm
          title={`Erase everything about ${name}?`}
          act="Erase for good"
          danger
          phrase={user}
          close={() => setAsking(null)}
          run={async () => {
            const { erased } = await gateway.ask<{ erased: number }>("erase_user", { user });
            toast(`Erased, with ${plural(erased, "notification")}`, "good");
            setVersion((before) => before + 1);
            reload();
          }}
        >
          <p>
            Name, address, what was read, and the contents of their own room are wiped. This cannot be undone.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

type Shown = "all" | "unread";

function History({ user, topics }: { user: string; topics: readonly string[] }): ReactNode {
  const { gateway } = useDesk();
  const [given, setShown] = useParameter("shown");
  const shown: Shown = given === "unread" ? given : "all";
  const [older, setOlder] = useState<{ of: HistoryPage; items: HistoryItem[]; next: string | null } | null>(
    null,
  );
  const asked = { user, limit: 30, unread: shown === "unread" };
  // What became of a mail is told by nobody. Older pages would be lost by asking anew.
  const first = useAsk<HistoryPage>("history", asked, older === null ? HISTORY_MS : undefined);
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const page = first.data;
  const extra = older !== null && older.of === page ? older : null;
  const items = page ? [...page.notifications, ...(extra?.items ?? [])] : [];
  const next = extra ? extra.next : (page?.next ?? null);
  // What is emitted to this user while one looks belongs on top.
  const feed = useCallback(
    ({ notifications }: { notifications: { room: string }[] }) => {
      const rooms = [`user:${user}`, "all", ...topics.map((topic) => `topic:${topic}`)];
      if (notifications.some(({ room }) => rooms.includes(room))) first.reload();
    },
    [user, topics, first.reload],
  );
  useEvent("feed", feed);
  // Whose topics were unknown is online now: the history is of more rooms than it was.
  useEffect(() => {
    if (topics.length) first.reload();
  }, [topics, first.reload]);
  const more = async () => {
    if (page === null || next === null) return;
    setBusy(true);
    try {
      const fresh = await gateway.ask<HistoryPage>("history", {
        user,
        limit: 50,
        before: next,
        unread: shown === "unread",
      });
      setOlder({ of: page, items: [...(extra?.items ?? []), ...fresh.notifications], next: fresh.next });
    } catch (error) {
      toast(refusal(error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
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
      {first.error ? <Failed error={first.error} retry={first.reload} /> : null}
      {page === null ? (
        first.error ? null : (
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
              <tr key={item.id}>
                <td>
                  <TypeChip type={item.type} />
                </td>
                <td className="said">
                  <button
                    type="button"
                    className="row-link strong clip"
                    dir="auto"
                    onClick={() => setOpen(item.id)}
                  >
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
                <td>
                  {item.mail ? <MailChip state={item.mail.state} /> : <span className="soft none">–</span>}
                </td>
                <td className="soft nowrap">
                  <Ago time={item.created_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {next === null ? null : (
        <footer className="card-foot">
          <button type="button" className="button" disabled={busy} onClick={() => void more()}>
            {busy ? "Loading…" : "Older"}
          </button>
        </footer>
      )}
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </section>
  );
}
