import { type ReactNode, useCallback, useState } from "react";
import { useAsk, useDesk, useEvent } from "../context.tsx";
import { For } from "../may.tsx";
import type { Joined, Left, UserView } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Avatar, Chip, Failed } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, plural } from "../words.ts";
import { Choices } from "./choices.tsx";
import { Digests } from "./digests.tsx";
import { History } from "./history.tsx";
import { Profile, Topics } from "./person.tsx";

const NO_TOPICS: readonly string[] = [];

/** All there is of one person, and what can be done about it. */
export function OneUser({ user }: { user: string }): ReactNode {
  const { data, error, reload } = useAsk<UserView>("user", { user }, 15_000);
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
        <Acts
          user={user}
          name={name}
          online={data?.online != null}
          reload={reload}
          erased={() => setVersion((before) => before + 1)}
        />
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {error && data === null ? null : <Strip data={data} />}
      <div className="halves">
        <Profile user={user} key={`profile ${version}`} />
        <Topics user={user} ofToken={topics} changed={reload} key={`topics ${version}`} />
      </div>
      <Choices user={user} key={`choices ${version}`} />
      <Digests user={user} key={`digests ${version}`} />
      <History user={user} topics={topics} key={version} />
    </>
  );
}

function Acts(props: {
  user: string;
  name: string;
  online: boolean;
  reload: () => void;
  erased: () => void;
}): ReactNode {
  const { user, name, reload } = props;
  const [asking, setAsking] = useState<"disconnect" | "erase" | null>(null);
  const close = () => setAsking(null);
  return (
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
          disabled={!props.online}
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
      {asking === "disconnect" ? (
        <AskedToDisconnect user={user} name={name} done={reload} close={close} />
      ) : asking === "erase" ? (
        <AskedToErase
          user={user}
          name={name}
          done={() => {
            props.erased();
            reload();
          }}
          close={close}
        />
      ) : null}
    </div>
  );
}

interface Asking {
  readonly user: string;
  readonly name: string;
  readonly done: () => void;
  readonly close: () => void;
}

function AskedToDisconnect({ user, name, done, close }: Asking): ReactNode {
  const { gateway } = useDesk();
  return (
    <Confirm
      title={`Disconnect ${name}?`}
      act="Disconnect"
      danger
      close={close}
      run={async () => {
        const { disconnected } = await gateway.ask<{ disconnected: number }>("disconnect_user", { user });
        toast(`${plural(disconnected, "connection")} ended`, "good");
        done();
      }}
    >
      <p>Every tab and device is sent away now. They may sign in again; take away their token as well.</p>
    </Confirm>
  );
}

function AskedToErase({ user, name, done, close }: Asking): ReactNode {
  const { gateway } = useDesk();
  return (
    <Confirm
      title={`Erase everything about ${name}?`}
      act="Erase for good"
      danger
      phrase={user}
      close={close}
      run={async () => {
        const { erased } = await gateway.ask<{ erased: number }>("erase_user", { user });
        toast(`Erased, with ${plural(erased, "notification")}`, "good");
        done();
      }}
    >
      <p>
        Name, address, what was read, and the contents of their own room are wiped. This cannot be undone.
      </p>
    </Confirm>
  );
}

/** How it is with them now; null while nobody knows yet. */
function Strip({ data }: { data: UserView | null }): ReactNode {
  return (
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
  );
}
