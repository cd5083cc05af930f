import type { ReactNode } from "react";
import { type Asked, useAsk } from "../context.tsx";
import { useParameter } from "../parameter.ts";
import type { FoundUsers, Roster } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Avatar, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { useSettled } from "./online.tsx";
import { OneUser } from "./user.tsx";

export function Users({ user }: { user: string | null }): ReactNode {
  return user === null ? <Find /> : <OneUser user={user} />;
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
