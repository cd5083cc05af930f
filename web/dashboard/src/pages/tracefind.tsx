import { type ReactNode, useState } from "react";
import { More, usePages } from "../paging.tsx";
import type { FoundNotification, FoundNotifications } from "../protocol.ts";
import { href, traceOf, userOf } from "../route.ts";
import { idIn, NO_SEARCH, type TraceSearch, wanted } from "../tracesearch.ts";
import { Ago, Empty, Failed, Heading, MailChip, TypeChip, Waiting } from "../ui/bits.tsx";
import { DayRange } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";

const EVERY_MS = 10_000;
const itemsOf = (page: FoundNotifications): readonly FoundNotification[] => page.notifications;
const keyOf = ({ id }: FoundNotification): string => id;

/** Finds the notification whose trace is wanted: by its id, or by what is known of it. */
export function FindNotifications({ search }: { search: TraceSearch }): ReactNode {
  const { data, error, reload, items, next, more } = usePages<FoundNotifications, FoundNotification>({
    event: "find_notifications",
    question: { limit: 50, ...wanted(search) },
    place: "before",
    everyMs: EVERY_MS,
    itemsOf,
    keyOf,
  });
  return (
    <>
      <Heading title="Trace" note="What happened to this one: from the call to the mailbox" />
      <Form key={JSON.stringify(wanted(search))} search={search} />
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Notifications">
        {data === null ? (
          error ? null : (
            <Waiting lines={6} />
          )
        ) : items.length ? (
          <table className="found">
            <thead>
              <tr>
                <th scope="col">Notification</th>
                <th scope="col">Room</th>
                <th scope="col">By</th>
                <th scope="col" aria-sort="descending">
                  When
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <Row key={item.id} item={item} />
              ))}
            </tbody>
          </table>
        ) : (
          <Empty icon="search" title={next ? "Nothing among the newest" : "Nothing was found"}>
            {next ? "Look further back." : "What is older than is kept cannot be found."}
          </Empty>
        )}
        <More next={next} more={more}>
          {items.length ? "Older" : "Look further back"}
        </More>
      </section>
    </>
  );
}

function Row({ item }: { item: FoundNotification }): ReactNode {
  const user = userOf(item.room);
  return (
    <tr>
      <td className="said">
        <a className="row-link strong clip" dir="auto" href={href(traceOf(item.id))}>
          {item.title || "Recalled"}
        </a>
        <span className="under clip">
          <TypeChip type={item.type} /> {item.mail ? <MailChip state={item.mail.state} /> : null}
        </span>
      </td>
      <td className="mono">
        {user === null ? (
          item.room
        ) : (
          <a className="above clip" href={href({ page: "users", user })}>
            {item.room}
          </a>
        )}
      </td>
      <td className="soft">{item.by ?? "–"}</td>
      <td className="soft nowrap">
        <Ago time={item.created_at} />
      </td>
    </tr>
  );
}

function Form({ search }: { search: TraceSearch }): ReactNode {
  const [given, setGiven] = useState<TraceSearch>(search);
  const [id, setId] = useState("");
  const set = (change: Partial<TraceSearch>) => setGiven((before) => ({ ...before, ...change }));
  const found = idIn(id);
  const text = (name: "user" | "type" | "service" | "key", label: string) => (
    <label className="word">
      <span className="soft">{label}</span>
      <input value={given[name]} onChange={(event) => set({ [name]: event.target.value })} />
    </label>
  );
  return (
    <>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          if (found) location.hash = href(traceOf(found));
        }}
      >
        <label className="search wide">
          <Icon name="search" />
          <input
            type="search"
            aria-label="A notification’s id, or a mail’s"
            placeholder="A notification’s id, or a mail’s"
            value={id}
            aria-invalid={id.trim() !== "" && found === null}
            onChange={(event) => setId(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary" disabled={found === null}>
          Trace
        </button>
      </form>
      <form
        className="filters words"
        onSubmit={(event) => {
          event.preventDefault();
          location.hash = href(traceOf(null, given));
        }}
      >
        {text("user", "User")}
        {text("type", "Type")}
        {text("service", "Service")}
        {given.service ? text("key", "Its key") : null}
        <DayRange since={given.since} until={given.until} set={set} />
        <button type="submit" className="button">
          Find
        </button>
        {Object.keys(wanted(search)).length ? (
          <a className="button" href={href(traceOf(null, NO_SEARCH))}>
            Clear
          </a>
        ) : null}
      </form>
    </>
  );
}
