import type { ReactNode } from "react";
import { useAsk } from "../context.tsx";
import { useParameter } from "../parameter.ts";
import type { TopicsPage as Topics } from "../protocol.ts";
import { href } from "../route.ts";
import { Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { figure, plural } from "../words.ts";
import { useSettled } from "./online.tsx";
import { OneTopic } from "./topic.tsx";

const PAGE = 100;

export function TopicsPage({ topic }: { topic: string | null }): ReactNode {
  return topic === null ? <All /> : <OneTopic topic={topic} />;
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
