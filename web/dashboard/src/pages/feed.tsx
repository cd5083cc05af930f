import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { download } from "../download.ts";
import { type FeedState, type Filter, filtered, newestFirst, servicesIn, typesIn } from "../feed.ts";
import type { FeedItem, HistoryPage, Notification } from "../protocol.ts";
import { href, type Route, replaceRoute, traceOf, userOf } from "../route.ts";
import { useStore } from "../store.ts";
import { NO_SEARCH } from "../tracesearch.ts";
import { Ago, Empty, Heading, TypeChip } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { Cell, VirtualRows } from "../ui/virtual.tsx";
import { figure, openOnes, plural } from "../words.ts";
import { Details } from "./details.tsx";

export function Feed({ route }: { route: Extract<Route, { page: "feed" }> }): ReactNode {
  const { live } = useDesk();
  const current = useStore(live.feed);
  const [held, setHeld] = useState<FeedState | null>(null);
  const { type, room, by } = route;
  const [open, setOpen] = useState<string | null>(null);
  const shown = held ?? current;
  const older = useOlder(room);
  const all = useMemo(() => withOlder(shown.items, older), [shown.items, older]);
  const items = useMemo(() => filtered(all, { type, room, by }), [all, type, room, by]);
  const types = useMemo(() => typesIn(all), [all]);
  const services = useMemo(() => servicesIn(all), [all]);
  const filter = (change: Partial<Filter>): void => replaceRoute({ ...route, ...change });
  const waiting = held ? current.items.length - held.items.length : 0;
  const render = useCallback((item: FeedItem) => row(item, setOpen), []);
  const urgent = useStore(live.urgent);
  const rowClass = useCallback((item: FeedItem) => (urgent?.has(item.type) ? "urgent" : ""), [urgent]);
  return (
    <div className="fill">
      <Heading title="Feed" note="What is emitted anywhere in the cluster, as it happens">
        <button
          type="button"
          className="button"
          disabled={items.length === 0}
          onClick={() => download("feed.csv", [HEAD, ...items.map(cells)])}
        >
          <Icon name="download" />
          CSV
        </button>
        <button
          type="button"
          className="button"
          aria-pressed={held !== null}
          onClick={() => setHeld(held ? null : current)}
        >
          <Icon name={held ? "play" : "pause"} />
          {held ? `Go on${waiting > 0 ? ` (${waiting} new)` : ""}` : "Hold"}
        </button>
      </Heading>
      <Open show={setOpen} />
      <div className="filters">
        <label className="select">
          <span className="unseen">Type</span>
          <select value={type} onChange={(event) => filter({ type: event.target.value })}>
            <option value="">All types</option>
            {[...new Set([...types, ...(type ? [type] : [])])].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label className="select">
          <span className="unseen">Service</span>
          <select value={by} onChange={(event) => filter({ by: event.target.value })}>
            <option value="">All services</option>
            {[...new Set([...services, ...(by ? [by] : [])])].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Room"
            placeholder="Room, such as user:ann"
            value={room}
            onChange={(event) => filter({ room: event.target.value })}
          />
        </label>
        <span className="soft filters-note" role="status">
          {plural(items.length, "notification")}
          {shown.leftOut ? ` · ${figure(shown.leftOut)} more than could be shown` : ""}
        </span>
      </div>
      {items.length ? (
        <VirtualRows
          label="Notifications"
          className="card feed-rows"
          columns={["Type", "Notification", "Room", "By", "When"]}
          items={items}
          rowPx={60}
          keyOf={keyOf}
          rowClass={rowClass}
          render={render}
        />
      ) : (
        <div className="card">
          {type || room || by ? (
            <Empty icon="search" title="Nothing fits this filter">
              <button
                type="button"
                className="button small"
                onClick={() => filter({ type: "", room: "", by: "" })}
              >
                Clear the filter
              </button>{" "}
              <a className="button small" href={href(traceOf(null, { ...NO_SEARCH, type, service: by }))}>
                Look in all that is kept
              </a>
            </Empty>
          ) : (
            <Empty icon="feed" title="Listening">
              Nothing is stored yet; what is emitted from now on appears here.{" "}
              <a href={href({ page: "compose", to: "", type: "" })}>Send one</a>.
            </Empty>
          )}
        </div>
      )}
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </div>
  );
}

const keyOf = (item: FeedItem): string => item.id;

const HEAD = ["at", "type", "title", "room", "seq", "by", "in_app", "mail", "id"];

const cells = (item: FeedItem): (string | number | null)[] => [
  item.created_at,
  item.type,
  item.title,
  item.room,
  item.seq,
  item.by,
  String(item.in_app),
  String(item.mail),
  item.id,
];

function row(item: FeedItem, open: (id: string) => void): ReactNode {
  const user = userOf(item.room);
  return (
    <>
      <Cell>
        <TypeChip type={item.type} />
      </Cell>
      <Cell className="said">
        {item.seq === null && !item.mail ? (
          <span className="strong clip" dir="auto">
            {item.title}
          </span>
        ) : (
          <button type="button" className="row-link strong clip" dir="auto" onClick={() => open(item.id)}>
            {item.title}
          </button>
        )}
        <span className="under clip" dir="auto">
          {item.body || (item.seq === null && !item.mail ? "Not kept" : "\u00a0")}
        </span>
      </Cell>
      <Cell className="room clip mono">
        {user === null ? item.room : <a href={href({ page: "users", user })}>{item.room}</a>}
      </Cell>
      <Cell className="by clip soft">
        {item.mail ? <Icon name="mail" /> : null}
        {item.by}
      </Cell>
      <Cell className="soft nowrap when">
        <Ago time={item.created_at} />
      </Cell>
    </>
  );
}

/** What needs an answer, until it is dealt with. */
function Open({ show }: { show: (id: string) => void }): ReactNode {
  const { live } = useDesk();
  const open = useStore(live.open);
  if (open.length === 0) return null;
  const settle = (ids: string[]) =>
    live.settle(ids).then(
      () => toast(ids.length === 1 ? "Dealt with" : `${ids.length} dealt with`, "good"),
      (error: unknown) => toast(refusal(error).message, "bad"),
    );
  return (
    <section className="card unanswered" aria-labelledby="unanswered">
      <header className="card-head">
        <h2 id="unanswered">
          <Icon name="alert" />
          {`${figure(open.length)} ${openOnes(open.map(({ type }) => type))}`}
        </h2>
        {open.length > 1 ? (
          <button
            type="button"
            className="button small"
            onClick={() => void settle(open.map(({ id }) => id))}
          >
            All dealt with
          </button>
        ) : null}
      </header>
      <ul>
        {open.slice(0, SHOWN).map((notification) => (
          <li key={notification.id}>
            <span className="said">
              <button
                type="button"
                className="plain-link strong clip"
                dir="auto"
                onClick={() => show(notification.id)}
              >
                {notification.title}
              </button>
              <span className="under clip" dir="auto">
                {notification.body}
              </span>
            </span>
            <span className="soft nowrap">
              <Ago time={notification.created_at} />
            </span>
            <button type="button" className="button small" onClick={() => void settle([notification.id])}>
              <Icon name="check" />
              Dealt with
            </button>
          </li>
        ))}
        {open.length > SHOWN ? (
          <li className="soft">and {plural(open.length - SHOWN, "older one")}</li>
        ) : null}
      </ul>
    </section>
  );
}

const SHOWN = 4;
const ROOM = /^(user:.+|topic:[A-Za-z0-9_.-]{1,64}|admins|all)$/;

/** What a room had before one came: asked of the store, once the filter names a whole room. */
function useOlder(room: string): readonly FeedItem[] {
  const [named, setNamed] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setNamed(ROOM.test(room.trim()) ? room.trim() : null), 300);
    return () => clearTimeout(timer);
  }, [room]);
  const wanted = named === room.trim() ? named : null;
  const { data } = useAsk<HistoryPage>("history", wanted ? { room: wanted, limit: 100 } : null);
  return useMemo(() => data?.notifications.map((item) => asFeedItem(item, item.mail !== null)) ?? [], [data]);
}

function asFeedItem(notification: Notification, mail: boolean): FeedItem {
  const { id, room, seq, type, title, body, created_at } = notification;
  return { id, room, seq, type, title, body, created_at, in_app: true, mail, by: null };
}

function withOlder(items: readonly FeedItem[], older: readonly FeedItem[]): readonly FeedItem[] {
  if (older.length === 0) return items;
  const known = new Set(items.map((item) => item.id));
  return newestFirst([...items, ...older.filter((item) => !known.has(item.id))]);
}
