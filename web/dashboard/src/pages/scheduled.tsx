import { type ReactNode, useState } from "react";
import { useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import { More, usePages } from "../paging.tsx";
import type { MailPage, MailRecord, Scheduled, SchedulePage } from "../protocol.ts";
import { href, userOf } from "../route.ts";
import { Ago, Chip, Empty, Failed, Heading, TypeChip, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { humane, moment } from "../words.ts";
import { Details } from "./details.tsx";

const EVERY_MS = 5_000;
const PAGE = 50;

/** What is asked before one of what waits is done away with, or sent before its time. */
interface Asking {
  readonly event: "send_scheduled" | "cancel_scheduled" | "send_mail" | "cancel_mail";
  readonly id: string;
  readonly title: string;
}

const WORDS: Readonly<Record<Asking["event"], { act: string; text: string; done: string }>> = {
  send_scheduled: {
    act: "Emit now",
    text: "It is emitted at once, with the words of now, to everybody in its room.",
    done: "Emitted",
  },
  cancel_scheduled: {
    act: "Cancel it",
    text: "It is never emitted. This cannot be undone.",
    done: "Cancelled",
  },
  send_mail: {
    act: "Send now",
    text: "It leaves at once, also within its reader's quiet hours.",
    done: "On its way",
  },
  cancel_mail: {
    act: "Cancel it",
    text: "The mail is never sent. What is shown in the app stays. This cannot be undone.",
    done: "Cancelled",
  },
};

/** What is still to come: notifications that are emitted later, and mail that is held. */
export function ScheduledPage(): ReactNode {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [done, setDone] = useState(0);
  const { gateway } = useDesk();
  const words = asking ? WORDS[asking.event] : null;
  return (
    <>
      <Heading
        title="Scheduled"
        note="What is emitted later, and mail that is held until its reader wants it"
      />
      <Missed key={`missed ${done}`} ask={setAsking} />
      <Later key={`later ${done}`} ask={setAsking} />
      <Held key={`held ${done}`} ask={setAsking} />
      {asking && words ? (
        <Confirm
          title={`${words.act}: “${asking.title}”?`}
          act={words.act}
          danger={asking.event.startsWith("cancel")}
          close={() => setAsking(null)}
          run={async () => {
            await gateway.ask(asking.event, { id: asking.id });
            toast(words.done, "good");
            setDone((before) => before + 1);
          }}
        >
          <p>{words.text}</p>
        </Confirm>
      ) : null}
    </>
  );
}

const keyOf = ({ id }: { id: string }): string => id;
const ASKED = { question: { limit: PAGE }, place: "after", everyMs: EVERY_MS, keyOf } as const;
const scheduledOf = (page: SchedulePage): readonly Scheduled[] => page.scheduled;
const mailOf = (page: MailPage): readonly MailRecord[] => page.mail;

const MISSED: Readonly<Record<NonNullable<Scheduled["missed"]>, string>> = {
  late: "Nobody came to it in its time",
  restored: "Asked before the store was put back: it may have been emitted then",
  refused: "It cannot be emitted as it was asked: the log of the node says why",
};

/** What was not emitted when it was due: it comes only if somebody says so. */
function Missed({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { items, next, more } = usePages({
    ...ASKED,
    event: "scheduled",
    question: { limit: PAGE, missed: true },
    itemsOf: scheduledOf,
  });
  if (!items.length) return null;
  return (
    <section className="card below" aria-labelledby="missed">
      <header className="card-head">
        <h2 id="missed">Missed</h2>
      </header>
      <table className="waiting-list">
        <thead>
          <tr>
            <th scope="col">Was due</th>
            <th scope="col">Notification</th>
            <th scope="col">Why</th>
            <th scope="col">
              <span className="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => {
            const title = item.title ?? humane(item.type);
            return (
              <tr key={item.id}>
                <Due time={item.scheduled_for} />
                <td className="said">
                  <span className="strong clip" dir="auto">
                    {title}
                  </span>
                  <span className="under clip">
                    <TypeChip type={item.type} /> <Room room={item.room} />
                  </span>
                </td>
                <td className="soft reason">{item.missed ? MISSED[item.missed] : ""}</td>
                <Acts
                  of="scheduled"
                  title={title}
                  send={() => ask({ event: "send_scheduled", id: item.id, title })}
                  cancel={() => ask({ event: "cancel_scheduled", id: item.id, title })}
                />
              </tr>
            );
          })}
        </tbody>
      </table>
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
    </section>
  );
}

function Later({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { data, error, reload, items, next, more } = usePages({
    ...ASKED,
    event: "scheduled",
    itemsOf: scheduledOf,
  });
  return (
    <section className="card below" aria-labelledby="later">
      <header className="card-head">
        <h2 id="later">To be emitted</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={4} />
        )
      ) : items.length ? (
        <table className="waiting-list">
          <thead>
            <tr>
              <th scope="col">Due</th>
              <th scope="col">Notification</th>
              <th scope="col">By</th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.id}>
                <Due time={item.scheduled_for} />
                <td className="said">
                  <span className="strong clip" dir="auto">
                    {item.title ?? humane(item.type)}
                  </span>
                  <span className="under clip">
                    <TypeChip type={item.type} /> <Room room={item.room} />
                  </span>
                </td>
                <td className="soft reason">
                  <span className="clip">{item.by}</span>
                  {item.cancel_key ? <span className="under clip">key {item.cancel_key}</span> : null}
                </td>
                <Acts
                  of="scheduled"
                  title={item.title ?? humane(item.type)}
                  send={() =>
                    ask({ event: "send_scheduled", id: item.id, title: item.title ?? humane(item.type) })
                  }
                  cancel={() =>
                    ask({ event: "cancel_scheduled", id: item.id, title: item.title ?? humane(item.type) })
                  }
                />
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <Empty icon="clock" title="Nothing is scheduled">
          An emit with <code>send_at</code> waits here for its time.
        </Empty>
      )}
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
    </section>
  );
}

function Held({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { data, error, reload, items, next, more } = usePages({ ...ASKED, event: "held", itemsOf: mailOf });
  const [open, setOpen] = useState<string | null>(null);
  return (
    <section className="card" aria-labelledby="held">
      <header className="card-head">
        <h2 id="held">Held mail</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={4} />
        )
      ) : items.length ? (
        <table className="waiting-list">
          <thead>
            <tr>
              <th scope="col">Held until</th>
              <th scope="col">Mail</th>
              <th scope="col">Why</th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => {
              const title = item.mail?.subject ?? item.title;
              return (
                <tr key={item.id}>
                  <Due time={item.mail?.due_at ?? item.created_at} />
                  <td className="said">
                    <button
                      type="button"
                      className="row-link strong clip"
                      dir="auto"
                      onClick={() => setOpen(item.id)}
                    >
                      {title}
                    </button>
                    <span className="under clip">
                      {item.mail?.to} <Room room={item.room} />
                    </span>
                  </td>
                  <td className="reason">
                    <Chip tone="warn">{humane(item.mail?.decided_by ?? "")}</Chip>
                  </td>
                  <Acts
                    of="mail"
                    title={title}
                    send={() => ask({ event: "send_mail", id: item.id, title })}
                    cancel={() => ask({ event: "cancel_mail", id: item.id, title })}
                  />
                </tr>
              );
            })}
          </tbody>
        </table>
      ) : (
        <Empty icon="moon" title="No mail is held">
          Mail that is due in its reader's quiet hours waits here.
        </Empty>
      )}
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </section>
  );
}

function Due({ time }: { time: string }): ReactNode {
  return (
    <td className="nowrap">
      <Ago time={time} />
      <span className="under">{moment(time)}</span>
    </td>
  );
}

function Room({ room }: { room: string }): ReactNode {
  const user = userOf(room);
  if (user === null) return <span className="mono">{room}</span>;
  return (
    <a className="mono above" href={href({ page: "users", user })}>
      {user}
    </a>
  );
}

function Acts(props: {
  of: "scheduled" | "mail";
  title: string;
  send: () => void;
  cancel: () => void;
}): ReactNode {
  return (
    <td className="row-acts">
      <span className="acts">
        <For event={`send_${props.of}`}>
          <button
            type="button"
            className="button small above"
            aria-label={`Send now: ${props.title}`}
            onClick={props.send}
          >
            Send now
          </button>
        </For>
        <For event={`cancel_${props.of}`}>
          <button
            type="button"
            className="button small above danger-quiet"
            aria-label={`Cancel: ${props.title}`}
            onClick={props.cancel}
          >
            Cancel
          </button>
        </For>
      </span>
    </td>
  );
}
