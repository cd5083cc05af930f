import { type ReactNode, useState } from "react";
import { refusal, useDesk } from "../context.tsx";
import { midnight } from "../days.ts";
import { download } from "../download.ts";
import { More, usePages } from "../paging.tsx";
import type { Deed, AuditPage as Page } from "../protocol.ts";
import { type AuditSearch, auditOf, href, type Route, traceOf } from "../route.ts";
import { Ago, Chip, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { DayRange } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { humane, plural } from "../words.ts";

const EVERY_MS = 5_000;
/** In a file; who needs more asks over HTTP. */
const EXPORTED = 10_000;
const AT_ONCE = 500;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Of these the target is a notification or a mail. */
const TRACED = new Set(["recall", "revive", "revive_one", "hasten_mail", "drop_mail"]);

const itemsOf = (page: Page): readonly Deed[] => page.deeds;
const keyOf = ({ id }: Deed): string => id;

/** Who did what, and what came of it. */
export function AuditPage({ route }: { route: Extract<Route, { page: "audit" }> }): ReactNode {
  const { gateway } = useDesk();
  const question = wanted(route);
  const [busy, setBusy] = useState(false);
  const { data, error, reload, items, next, more } = usePages<Page, Deed>({
    event: "audit",
    question: { limit: 50, ...question },
    place: "before",
    everyMs: EVERY_MS,
    itemsOf,
    keyOf,
  });
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const deeds: Deed[] = [];
      let before: string | null = null;
      do {
        const page: Page = await gateway.ask<Page>("audit", {
          ...question,
          limit: AT_ONCE,
          ...(before === null ? {} : { before }),
        });
        deeds.push(...page.deeds);
        before = page.next;
      } while (before !== null && deeds.length < EXPORTED);
      download("audit.csv", [HEAD, ...deeds.map(cells)]);
      toast(`${plural(deeds.length, "deed")} saved${before === null ? "" : "; there are more"}`, "good");
    } catch (failure) {
      toast(refusal(failure).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Heading title="Audit" note="Who did what, written down before it was done">
        <button type="button" className="button" disabled={busy || !items.length} onClick={() => void save()}>
          <Icon name="download" />
          CSV
        </button>
      </Heading>
      <Form key={JSON.stringify(question)} search={route} />
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Deeds">
        {data === null ? (
          error ? null : (
            <Waiting lines={6} />
          )
        ) : items.length ? (
          <table className="deeds">
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">Target</th>
                <th scope="col">By</th>
                <th scope="col">Outcome</th>
                <th scope="col" aria-sort="descending">
                  When
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((deed) => (
                <Row key={deed.id} deed={deed} />
              ))}
            </tbody>
          </table>
        ) : (
          <Empty icon="audit" title={Object.keys(question).length ? "No such deed" : "Nothing was done yet"}>
            What admins and services do to people, mail, types and campaigns is kept here.
          </Empty>
        )}
        <More next={next} more={more}>
          Older
        </More>
      </section>
    </>
  );
}

function Row({ deed }: { deed: Deed }): ReactNode {
  const detail = Object.entries(deed.detail);
  return (
    <tr>
      <td className="said">
        <span className="strong">{humane(deed.operation)}</span>
        {detail.length ? <span className="under clip">{said(deed.detail)}</span> : null}
      </td>
      <td>
        <Target deed={deed} />
      </td>
      <td>
        <span className="clip">{deed.by}</span>
        <span className="under">{deed.role}</span>
      </td>
      <td>
        {deed.outcome === "done" ? (
          <Chip tone="good">Done</Chip>
        ) : deed.outcome === null ? (
          <Chip tone="warn">Not known</Chip>
        ) : (
          <Chip tone="bad">{humane(deed.outcome)}</Chip>
        )}
      </td>
      <td className="soft nowrap">
        <Ago time={deed.at} />
      </td>
    </tr>
  );
}

function Target({ deed: { operation, target } }: { deed: Deed }): ReactNode {
  if (target === null) return <span className="soft">–</span>;
  if (target.startsWith("user:"))
    return (
      <a className="mono clip" href={href({ page: "users", user: target.slice(5) })}>
        {target}
      </a>
    );
  if (TRACED.has(operation) && ID.test(target))
    return (
      <a className="mono clip" href={href(traceOf(target))}>
        {target}
      </a>
    );
  return <span className="mono clip">{target}</span>;
}

function said(detail: Readonly<Record<string, unknown>>): string {
  return Object.entries(detail)
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([name, value]) => `${humane(name)}: ${worded(value)}`)
    .join(" · ");
}

function worded(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

const HEAD = ["at", "by", "role", "operation", "target", "detail", "outcome", "ended_at", "request_id", "id"];

function cells(deed: Deed): (string | null)[] {
  return [
    deed.at,
    deed.by,
    deed.role,
    deed.operation,
    deed.target,
    JSON.stringify(deed.detail),
    deed.outcome,
    deed.ended_at,
    deed.request_id,
    deed.id,
  ];
}

function wanted({ by, operation, target, since, until }: AuditSearch): Record<string, string> {
  const texts = { by: by.trim(), operation: operation.trim(), target: target.trim() };
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value)),
    ...(since && { since: midnight(since, 0) }),
    ...(until && { until: midnight(until, 1) }),
  };
}

function Form({ search }: { search: AuditSearch }): ReactNode {
  const [given, setGiven] = useState<AuditSearch>(search);
  const set = (change: Partial<AuditSearch>) => setGiven((before) => ({ ...before, ...change }));
  const text = (name: "by" | "operation" | "target", label: string, example: string) => (
    <label className="word">
      <span className="soft">{label}</span>
      <input
        value={given[name]}
        placeholder={example}
        onChange={(event) => set({ [name]: event.target.value })}
      />
    </label>
  );
  return (
    <form
      className="filters words"
      onSubmit={(event) => {
        event.preventDefault();
        location.hash = href({ page: "audit", ...given });
      }}
    >
      {text("by", "By", "user:ann")}
      {text("operation", "What", "recall")}
      {text("target", "Target", "user:bob, an id")}
      <DayRange since={given.since} until={given.until} set={set} />
      <button type="submit" className="button">
        Find
      </button>
      {Object.keys(wanted(search)).length ? (
        <a className="button" href={href(auditOf(""))}>
          Clear
        </a>
      ) : null}
    </form>
  );
}
