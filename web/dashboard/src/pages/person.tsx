import { type FormEvent, type ReactNode, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import type { Profile as ProfileView, UserTopics } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Empty, Fact, Failed, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";

const EVERY_MS = 15_000;

/** What tokens and backends have told of a person. */
export function Profile({ user }: { user: string }): ReactNode {
  const { data, error, reload } = useAsk<ProfileView>("profile", { user }, EVERY_MS);
  const unknown = error?.code === "not_found";
  const attributes = Object.keys(data?.attributes ?? {}).length > 0;
  return (
    <section className="card" aria-labelledby="profile">
      <header className="card-head">
        <h2 id="profile">Profile</h2>
      </header>
      {error && !unknown ? <Failed error={error} retry={reload} /> : null}
      {unknown ? (
        <Empty icon="users" title="Nothing is known">
          No token and no backend has told anything of them.
        </Empty>
      ) : data ? (
        <dl className="facts card-facts">
          <Fact label="Name">{data.name ?? <None />}</Fact>
          <Fact label="Email">{data.email ?? <None />}</Fact>
          <Fact label="Language">{data.locale ?? <None />}</Fact>
          <Fact label="Time zone">{data.timezone ?? <None />}</Fact>
          <Fact label="Attributes">
            {attributes ? (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
              <pre className="code" tabIndex={0}>
                {JSON.stringify(data.attributes, null, 2)}
              </pre>
            ) : (
              <None />
            )}
          </Fact>
        </dl>
      ) : error ? null : (
        <Waiting lines={5} />
      )}
    </section>
  );
}

function None(): ReactNode {
  return <span className="soft">not told</span>;
}

/** The topics that backends and admins have put a person into, beside those of the token. */
export function Topics(props: { user: string; ofToken: readonly string[]; changed: () => void }): ReactNode {
  const { user } = props;
  const { gateway } = useDesk();
  const { data, error, reload } = useAsk<UserTopics>("user_topics", { user }, EVERY_MS);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const own = data?.topics.map(({ topic }) => topic) ?? [];
  const others = props.ofToken.filter((topic) => !own.includes(topic));
  const change = async (topic: string, how: "add" | "remove"): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await gateway.ask("change_members", { topic, [how]: [user] });
      toast(how === "add" ? `Put into ${topic}` : `Taken out of ${topic}`, "good");
      if (how === "add") setName("");
      reload();
      props.changed();
    } catch (failure) {
      setProblem(refusal(failure).message);
    } finally {
      setBusy(false);
    }
  };
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim()) void change(name.trim(), "add");
  };
  return (
    <section className="card" aria-labelledby="user-topics">
      <header className="card-head">
        <h2 id="user-topics">Topics</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={3} />
        )
      ) : (
        <>
          {own.length + others.length ? (
            <ul className="members" aria-label="Topics">
              {data.topics.map(({ topic, since }) => (
                <li key={topic}>
                  <a className="strong" href={href({ page: "topics", topic })}>
                    {topic}
                  </a>
                  <span className="soft small">
                    joined <Ago time={since} />
                  </span>
                  <For event="change_members">
                    <button
                      type="button"
                      className="icon-button"
                      aria-label={`Take out of ${topic}`}
                      title={`Take out of ${topic}`}
                      disabled={busy}
                      onClick={() => void change(topic, "remove")}
                    >
                      <Icon name="close" />
                    </button>
                  </For>
                </li>
              ))}
              {others.map((topic) => (
                <li key={topic}>
                  <a className="strong" href={href({ page: "topics", topic })}>
                    {topic}
                  </a>
                  <span className="soft small">by their token</span>
                </li>
              ))}
            </ul>
          ) : (
            <p className="soft card-note">No topics yet.</p>
          )}
          <For event="change_members">
            <form className="adding" onSubmit={add}>
              <input
                aria-label="A topic to put them into"
                placeholder="A topic"
                value={name}
                maxLength={64}
                aria-invalid={problem !== null}
                aria-describedby={problem ? "topic-problem" : undefined}
                onChange={(event) => setName(event.target.value)}
              />
              <button type="submit" className="button" disabled={busy || !name.trim()}>
                <Icon name="plus" />
                Add
              </button>
              {problem ? (
                <span className="problem" id="topic-problem" role="alert">
                  {problem}
                </span>
              ) : null}
            </form>
          </For>
        </>
      )}
    </section>
  );
}
