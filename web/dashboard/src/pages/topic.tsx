import { type FormEvent, type ReactNode, useState } from "react";
import { type Asked, refusal, useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import { useParameter } from "../parameter.ts";
import type { Members as Page } from "../protocol.ts";
import { feedOf, href } from "../route.ts";
import { Ago, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { plural } from "../words.ts";
import { useSettled } from "./online.tsx";

const PAGE = 100;

type Member = Page["members"][number];
type Change = (user: string, how: "add" | "remove") => Promise<boolean>;

/** Who is in a topic, and who is put into it or taken out. */
export function OneTopic({ topic }: { topic: string }): ReactNode {
  const [text, setText] = useParameter("find");
  const prefix = useSettled(text.trim());
  const { data, error, reload, members, next, more, change, busy, problem } = useMembers(topic, prefix);
  return (
    <>
      <a className="back" href={href({ page: "topics", topic: null })}>
        <Icon name="back" />
        Topics
      </a>
      <Heading
        title={topic}
        note={data ? `${plural(members.length, "member")}${next ? " shown, there are more" : ""}` : "Members"}
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
      {error ? <Failed error={error} retry={reload} /> : null}
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
            <Adding change={change} busy={busy} isWrong={problem !== null} />
          </For>
        </div>
        {problem ? (
          <p className="problem card-note" id="member-problem" role="alert">
            {problem}
          </p>
        ) : null}
        {data === null ? (
          error ? null : (
            <Waiting lines={5} />
          )
        ) : members.length ? (
          <ul className="members">
            {members.map((member) => (
              <Row key={member.user} member={member} change={change} busy={busy} />
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

function Adding(props: { change: Change; busy: boolean; isWrong: boolean }): ReactNode {
  const [name, setName] = useState("");
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (name.trim() && (await props.change(name.trim(), "add"))) setName("");
  };
  return (
    <form className="adding" onSubmit={add}>
      <input
        aria-label="A user id to add"
        placeholder="A user id"
        value={name}
        maxLength={128}
        aria-invalid={props.isWrong}
        aria-describedby={props.isWrong ? "member-problem" : undefined}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" className="button" disabled={props.busy || !name.trim()}>
        <Icon name="plus" />
        Add
      </button>
    </form>
  );
}

function Row(props: { member: Member; change: Change; busy: boolean }): ReactNode {
  const { user, since } = props.member;
  return (
    <li>
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
          disabled={props.busy}
          onClick={() => void props.change(user, "remove")}
        >
          <Icon name="close" />
        </button>
      </For>
    </li>
  );
}

interface Membership extends Asked<Page> {
  /** Of all pages that were read. */
  readonly members: readonly Member[];
  /** The place of the next page; null: there is none. */
  readonly next: string | null;
  readonly more: () => Promise<boolean>;
  /** Answers whether it could be asked for. */
  readonly change: Change;
  readonly busy: boolean;
  /** What kept the last change, or the next page, from being made. */
  readonly problem: string | null;
}

function useMembers(topic: string, prefix: string): Membership {
  const { gateway } = useDesk();
  const first = useAsk<Page>("members", { topic, prefix, limit: PAGE });
  const [older, setOlder] = useState<{ of: Page; page: Page } | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const extra = older !== null && older.of === first.data ? older.page : null;
  const next = extra ? extra.next : (first.data?.next ?? null);
  const attempt = async (run: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setProblem(null);
    try {
      await run();
      return true;
    } catch (failure) {
      setProblem(refusal(failure).message);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const change: Change = (user, how) =>
    attempt(async () => {
      const changed = await gateway.ask<{ added: number; removed: number }>("change_members", {
        topic,
        [how]: [user],
      });
      const done = how === "add" ? "is a member now" : "is no member any more";
      toast(changed.added + changed.removed ? `${user} ${done}` : `${user}: nothing to change`, "good");
      first.reload();
    });
  const more = (): Promise<boolean> =>
    attempt(async () => {
      if (first.data === null) return;
      const page = await gateway.ask<Page>("members", { topic, prefix, limit: PAGE, after: next });
      setOlder({
        of: first.data,
        page: { members: [...(extra?.members ?? []), ...page.members], next: page.next },
      });
    });
  return {
    ...first,
    members: [...(first.data?.members ?? []), ...(extra?.members ?? [])],
    next,
    more,
    change,
    busy,
    problem,
  };
}
