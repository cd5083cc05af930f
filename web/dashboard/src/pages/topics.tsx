import { type FormEvent, type ReactNode, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import { useParameter } from "../parameter.ts";
import type { Members as Page, TopicsPage as Topics } from "../protocol.ts";
import { feedOf, href } from "../route.ts";
import { Ago, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, plural } from "../words.ts";
import { useSettled } from "./online.tsx";

const PAGE = 100;

export function TopicsPage({ topic }: { topic: string | null }): ReactNode {
  return topic === null ? <All /> : <One topic={topic} />;
}

function All(): ReactNode {
  const [text, setText] = useParameter("find");
  const prefix = useSettled(text.trim());
  const { data, error, reload } = useAsk<Topics>("topics", { prefix, limit: PAGE, counted: true });
  return (
    <>
      <Heading title="Topics" note="Whom backends and admins have put where, beside what tokens say" />
      <form
        className="card find"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) location.hash = href({ page: "topics", topic: text.trim() });
        }}
      >
        <label className="search wide">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Topic"
            placeholder="The name of a topic"
            maxLength={64}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary" disabled={!text.trim()}>
          Open
        </button>
      </form>
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Topics with members">
        {data === null ? (
          error ? null : (
            <Waiting lines={4} />
          )
        ) : data.topics.length ? (
          <ul className="people">
            {data.topics.map((topic) => (
              <li key={topic}>
                <a className="row-link strong" href={href({ page: "topics", topic })}>
                  {topic}
                </a>
                <span className="soft small end">{membersOf(data.members?.[topic] ?? 0)}</span>
              </li>
            ))}
          </ul>
        ) : (
          <Empty
            icon="topics"
            title={prefix ? `No topic begins with “${prefix}”` : "No topic has members yet"}
          >
            “Open” shows any topic, to put people into it.
          </Empty>
        )}
        {data?.next ? <p className="card-foot soft">There are more: write how the name begins.</p> : null}
      </section>
    </>
  );
}

/** The gateway counts no further. */
const COUNTED = 10_000;
const membersOf = (count: number): string =>
  count >= COUNTED ? `${figure(COUNTED)} members or more` : plural(count, "member");

function One({ topic }: { topic: string }): ReactNode {
  const { gateway } = useDesk();
  const [text, setText] = useParameter("find");
  const prefix = useSettled(text.trim());
  const first = useAsk<Page>("members", { topic, prefix, limit: PAGE });
  const [older, setOlder] = useState<{ of: Page; page: Page } | null>(null);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const extra = older !== null && older.of === first.data ? older.page : null;
  const members = [...(first.data?.members ?? []), ...(extra?.members ?? [])];
  const next = extra ? extra.next : (first.data?.next ?? null);
  const attempt = async (run: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await run();
    } catch (failure) {
      setProblem(refusal(failure).message);
    } finally {
      setBusy(false);
    }
  };
  const change = (user: string, how: "add" | "remove"): Promise<void> =>
    attempt(async () => {
      const changed = await gateway.ask<{ added: number; removed: number }>("change_members", {
        topic,
        [how]: [user],
      });
      const done = how === "add" ? "is a member now" : "is no member any more";
      toast(changed.added + changed.removed ? `${user} ${done}` : `${user}: nothing to change`, "good");
      if (how === "add") setName("");
      first.reload();
    });
  const more = (): Promise<void> =>
    attempt(async () => {
      if (first.data === null) return;
      const page = await gateway.ask<Page>("members", { topic, prefix, limit: PAGE, after: next });
      setOlder({
        of: first.data,
        page: { members: [...(extra?.members ?? []), ...page.members], next: page.next },
      });
    });
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim()) void change(name.trim(), "add");
  };
  return (
    <>
      <a className="back" href={href({ page: "topics", topic: null })}>
        <Icon name="back" />
        Topics
      </a>
      <Heading
        title={topic}
        note={
          first.data
            ? `${plural(members.length, "member")}${next ? " shown, there are more" : ""}`
            : "Members"
        }
      >
        <a className="button" href={href(feedOf(`topic:${topic}`))}>
          <Icon name="feed" />
          Feed
        </a>
        <For event="emit">
          <a className="button" href={href({ page: "compose", to: `topic:${topic}`, type: "" })}>
            <Icon name="compose" />
            Notify
          </a>
        </For>
      </Heading>
      {first.error ? <Failed error={first.error} retry={first.reload} /> : null}
      <section className="card" aria-label="Members">
        <div className="card-head member-tools">
          <label className="search">
            <Icon name="search" />
            <input
              type="search"
              aria-label="Find a member by the beginning of the id"
              placeholder="Find a member…"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
          <For event="change_members">
            <form className="adding" onSubmit={add}>
              <input
                aria-label="A user id to add"
                placeholder="A user id"
                value={name}
                maxLength={128}
                aria-invalid={problem !== null}
                aria-describedby={problem ? "member-problem" : undefined}
                onChange={(event) => setName(event.target.value)}
              />
              <button type="submit" className="button" disabled={busy || !name.trim()}>
                <Icon name="plus" />
                Add
              </button>
            </form>
          </For>
        </div>
        {problem ? (
          <p className="problem card-note" id="member-problem" role="alert">
            {problem}
          </p>
        ) : null}
        {first.data === null ? (
          first.error ? null : (
            <Waiting lines={5} />
          )
        ) : members.length ? (
          <ul className="members">
            {members.map(({ user, since }) => (
              <li key={user}>
                <a className="strong clip" href={href({ page: "users", user })}>
                  {user}
                </a>
                <span className="soft small nowrap">
                  joined <Ago time={since} />
                </span>
                <For event="change_members">
                  <button
                    type="button"
                    className="icon-button"
                    aria-label={`Take ${user} out`}
                    title={`Take ${user} out`}
                    disabled={busy}
                    onClick={() => void change(user, "remove")}
                  >
                    <Icon name="close" />
                  </button>
                </For>
              </li>
            ))}
          </ul>
        ) : (
          <Empty icon="users" title={prefix ? `No member begins with “${prefix}”` : "No members"}>
            {prefix
              ? "Members are found by their ids."
              : "Those whose tokens name the topic are not listed here."}
          </Empty>
        )}
        {next === null ? null : (
          <footer className="card-foot">
            <button type="button" className="button" disabled={busy} onClick={() => void more()}>
              More
            </button>
          </footer>
        )}
      </section>
    </>
  );
}
