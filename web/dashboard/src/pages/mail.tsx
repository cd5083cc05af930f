import { type ReactNode, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { asked, type MailSearch } from "../mailsearch.ts";
import { For } from "../may.tsx";
import { More, usePages } from "../paging.tsx";
import { MAIL_STATES, type MailRecord, type MailState, type MailPage as Page } from "../protocol.ts";
import { href, mailOf, type Route, userOf } from "../route.ts";
import { Ago, Empty, Failed, Heading, MailChip, Segments, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { DayRange } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { humane, plural } from "../words.ts";
import { Details } from "./details.tsx";
import { LaneHealth } from "./lanes.tsx";

const EVERY_MS = 5_000;
type Choice = MailState | "";

export function MailPage({ route }: { route: Extract<Route, { page: "mail" }> }): ReactNode {
  const { gateway } = useDesk();
  const state: Choice = MAIL_STATES.find((one) => one === route.state) ?? "";
  const question = { limit: 50, ...(state && { state }), ...asked(route) };
  const counts = useAsk<{ counts: Record<MailState, number> }>("mail_counts", {}, EVERY_MS);
  const { data, error, items, next, more, ...pages } = usePages<Page, MailRecord>({
    event: "mail",
    question,
    place: "before",
    everyMs: EVERY_MS,
    itemsOf: (page) => page.mail,
    keyOf: (mail) => mail.id,
  });
  const [open, setOpen] = useState<string | null>(null);
  const reload = () => {
    pages.reload();
    counts.reload();
  };
  /** Also of what was read behind the first page. */
  const anew = () => {
    pages.forget();
    reload();
  };
  const revive = async (id: string) => {
    try {
      const { revived } = await gateway.ask<{ revived: string[] }>("revive", { ids: [id] });
      toast(revived.length ? "Revived: it is tried again now" : "It is not dead any more", "good");
      anew();
    } catch (error) {
      toast(refusal(error).message, "bad");
    }
  };
  const options = [
    { value: "" as Choice, label: "All" },
    ...MAIL_STATES.map((value) => ({
      value,
      label: value === "leased" ? "Sending" : humane(value),
      // Where there is none, no figure: all of them stand in one row then.
      count: counts.data?.counts[value] || undefined,
    })),
  ];
  return (
    <>
      <Heading title="Mail" note="What is owed, what has left, and what was given up on">
        <For event="revive_all">
          <ReviveAll dead={counts.data?.counts.dead ?? 0} done={anew} />
        </For>
      </Heading>
      <LaneHealth />
      <Search key={`${route.find} ${route.since} ${route.until}`} route={route} />
      <div className="filters">
        <Segments<Choice>
          label="State"
          value={state}
          choose={(value) => {
            location.hash = href({ ...route, state: value });
          }}
          options={options}
        />
      </div>
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Mail">
        {data === null ? (
          error ? null : (
            <Waiting lines={6} />
          )
        ) : items.length === 0 ? (
          <Empty
            icon="mail"
            title={
              isSearch(route)
                ? "No such mail"
                : state
                  ? `No ${options.find((o) => o.value === state)?.label.toLowerCase()} mail`
                  : "No mail yet"
            }
          >
            {state === "dead" ? "Nothing was given up on." : "An emit with email: true makes some."}
          </Empty>
        ) : (
          <Table>
            {items.map((item) => (
              <Row key={item.id} item={item} open={setOpen} revive={revive} />
            ))}
          </Table>
        )}
        <More next={next} more={more}>
          Older
        </More>
      </section>
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </>
  );
}

/** The button, and what is asked before it is done. */
function ReviveAll({ dead, done }: { dead: number; done: () => void }): ReactNode {
  const { gateway } = useDesk();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button type="button" className="button" disabled={!dead} onClick={() => setAsking(true)}>
        <Icon name="retry" />
        Revive all dead…
      </button>
      {asking ? (
        <Confirm
          title={`Revive ${plural(dead, "dead mail", "dead mails")}?`}
          act="Revive all"
          close={() => setAsking(false)}
          run={async () => {
            const { revived, more } = await gateway.ask<{ revived: number; more: boolean }>("revive_all");
            toast(`${plural(revived, "mail")} revived${more ? "; there are more" : ""}`, "good");
            done();
          }}
        >
          <p>
            Each is tried again from the start, 1,000 at most at a time. If the cause is still there, they die
            again.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

function Table({ children }: { children: ReactNode }): ReactNode {
  return (
    <table className="mail">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Mail</th>
          <th scope="col">Attempts</th>
          <th scope="col">Reason</th>
          <th scope="col" aria-sort="descending">
            When
          </th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** Finds the mail of an address, a user or a notification, of some days. */
function Search({ route }: { route: Extract<Route, { page: "mail" }> }): ReactNode {
  const [search, setSearch] = useState<MailSearch>(route);
  const set = (change: Partial<MailSearch>) => setSearch((before) => ({ ...before, ...change }));
  return (
    <form
      className="filters mail-search"
      onSubmit={(event) => {
        event.preventDefault();
        location.hash = href({ ...route, ...search, find: search.find.trim() });
      }}
    >
      <label className="search wide">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Find mail"
          placeholder="An address, a user, or an id"
          title="An address, a user id (user:… where it has an @), or a notification’s id"
          value={search.find}
          onChange={(event) => set({ find: event.target.value })}
        />
      </label>
      <DayRange since={search.since} until={search.until} set={set} />
      <button type="submit" className="button">
        Find
      </button>
      {isSearch(route) ? (
        <a className="button" href={href(mailOf(route.state))}>
          Clear
        </a>
      ) : null}
    </form>
  );
}

function isSearch({ find, since, until }: MailSearch): boolean {
  return Boolean(find || since || until);
}

/** What happened to it when it was written down last. */
const DONE: Record<MailState, string> = {
  pending: "due",
  leased: "taken",
  gathered: "gathered",
  merged: "told in a digest",
  sent: "sent",
  delivered: "delivered",
  bounced: "came back",
  complained: "called spam",
  skipped: "skipped",
  dead: "given up",
};

function Row(props: {
  item: MailRecord;
  open: (id: string) => void;
  revive: (id: string) => Promise<void>;
}): ReactNode {
  const { item } = props;
  const { mail } = item;
  const [busy, setBusy] = useState(false);
  if (mail === null) return null;
  const user = userOf(item.room);
  const why = mail.verdict ?? mail.reason;
  const title = item.recalled_at ? "Recalled" : (mail.subject ?? item.title);
  return (
    <tr>
      <td>
        <MailChip state={mail.state} />
      </td>
      <td className="said">
        <button type="button" className="row-link strong clip" dir="auto" onClick={() => props.open(item.id)}>
          {title || "No subject"}
        </button>
        <span className="under clip">
          {mail.to}
          {user === null ? null : ` · ${user}`}
          {mail.lane === "bulk" ? " · bulk" : null}
        </span>
      </td>
      <td className="number">{mail.attempts}</td>
      <td className="reason soft">
        {why ? (
          <span className="clip-2" title={why}>
            {why}
            {mail.code === null ? "" : ` (${mail.code})`}
          </span>
        ) : (
          "–"
        )}
      </td>
      <td className="soft nowrap">
        <Ago time={item.created_at} />
        <span className="under">
          {DONE[mail.state]} <Ago time={mail.state === "pending" ? mail.due_at : mail.updated_at} />
        </span>
      </td>
      <td className="row-acts">
        {mail.state === "dead" ? (
          <For event="revive">
            <button
              type="button"
              className="button small above"
              disabled={busy}
              aria-label={`Revive ${title}`}
              onClick={() => {
                setBusy(true);
                void props.revive(item.id).finally(() => setBusy(false));
              }}
            >
              <Icon name="retry" />
              Revive
            </button>
          </For>
        ) : null}
      </td>
    </tr>
  );
}
