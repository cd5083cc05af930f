import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { refusal, useDesk, useEvent, useStatus } from "../context.tsx";
import type { Refusal } from "../gateway.ts";
import { paced } from "../pace.ts";
import { useParameter } from "../parameter.ts";
import type { Joined, Left, Online, Roster } from "../protocol.ts";
import { begin, extend, type Held, joined, left } from "../roster.ts";
import { href } from "../route.ts";
import { Ago, Avatar, Chip, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { Cell, VirtualRows } from "../ui/virtual.tsx";
import { figure, plural } from "../words.ts";

const PAGE = 500;
const AGAIN_MS = 30_000;

export function OnlinePage(): ReactNode {
  const [search, setSearch] = useParameter("find");
  const prefix = useSettled(search.trim());
  const { held, error, reload, more } = useRoster(prefix);
  return (
    <div className="fill">
      <Heading
        title="Online"
        note={
          held
            ? `${plural(held.users, "person", "people")} over ${plural(held.connections, "connection")}, in the whole cluster`
            : "Who is here, in the whole cluster"
        }
      >
        <label className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Find by the beginning of the user id"
            placeholder="Find a user id…"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
      </Heading>
      {error ? <Failed error={error} retry={reload} /> : null}
      {held === null ? (
        error ? null : (
          <div className="card">
            <Waiting lines={8} />
          </div>
        )
      ) : held.online.length === 0 ? (
        <div className="card">
          {prefix ? (
            <Empty icon="search" title={`Nobody online begins with “${prefix}”`}>
              They may be away: <a href={href({ page: "users", user: prefix })}>look up {prefix}</a>.
            </Empty>
          ) : (
            <Empty icon="online" title="Nobody is here">
              People appear the moment they connect.
            </Empty>
          )}
        </div>
      ) : (
        <VirtualRows
          label="People online"
          className="card online-rows"
          columns={["User", "Roles", "Connections", "Since"]}
          items={held.online}
          rowPx={56}
          keyOf={keyOf}
          render={row}
          more={held.next === null ? undefined : more}
        />
      )}
    </div>
  );
}

const keyOf = (entry: Online): string => entry.user;

function row(entry: Online): ReactNode {
  return (
    <>
      <Cell className="person">
        <Avatar name={entry.name ?? entry.user} online />
        <span className="clip">
          <a className="row-link strong" href={href({ page: "users", user: entry.user })}>
            {entry.name ?? entry.user}
          </a>
          {entry.name ? <span className="under clip mono">{entry.user}</span> : null}
        </span>
      </Cell>
      <Cell className="roles">
        {entry.roles.map((role) => (
          <Chip key={role} tone={role === "admin" ? "accent" : "plain"}>
            {role}
          </Chip>
        ))}
      </Cell>
      <Cell className="number">{figure(entry.connections)}</Cell>
      <Cell className="soft nowrap">
        <Ago time={entry.since} />
      </Cell>
    </>
  );
}

function useRoster(prefix: string): {
  held: Held | null;
  error: Refusal | null;
  reload: () => void;
  more: () => void;
} {
  const { gateway } = useDesk();
  const online = useStatus().state === "online";
  const [held, setHeld] = useState<Held | null>(null);
  const [error, setError] = useState<Refusal | null>(null);
  const turn = useRef(0);
  const size = useRef(0);
  size.current = held?.online.length ?? 0;

  const load = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      // As much as is held already, so that nobody who scrolled down is thrown back.
      const wanted = Math.max(PAGE, size.current);
      const ask = paced((asked: object) => gateway.ask<Roster>("presence", { prefix, ...asked }));
      let fresh = begin(prefix, await ask({ limit: Math.min(wanted, 1000) }));
      while (fresh.next !== null && fresh.online.length < wanted && mine === turn.current)
        fresh = extend(fresh, await ask({ limit: 1000, after: fresh.next }));
      if (mine !== turn.current) return;
      setHeld(fresh);
      setError(null);
    } catch (problem) {
      if (mine === turn.current) setError(refusal(problem));
    }
  }, [gateway, prefix]);

  useEffect(() => {
    if (!online) return;
    void load();
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => {
      clearInterval(timer);
      turn.current += 1;
    };
  }, [online, load]);

  const loading = useRef(false);
  const next = held?.next ?? null;
  const more = useCallback(() => {
    if (next === null || loading.current) return;
    loading.current = true;
    const mine = turn.current;
    gateway
      .ask<Roster>("presence", { prefix, limit: PAGE, after: next })
      .then((page) => {
        if (mine === turn.current) setHeld((before) => before && extend(before, page));
      })
      .catch((problem: unknown) => setError(refusal(problem)))
      .finally(() => {
        loading.current = false;
      });
  }, [gateway, prefix, next]);

  useEvent<Joined>(
    "presence:joined",
    useCallback((who) => setHeld((before) => before && joined(before, who)), []),
  );
  useEvent<Left>(
    "presence:left",
    useCallback((who) => setHeld((before) => before && left(before, who)), []),
  );
  return { held: held?.prefix === prefix ? held : null, error, reload: () => void load(), more };
}

/** The value, once it has been the same for a moment. */
export function useSettled<T>(value: T, milliseconds = 200): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
