import { type ReactNode, useState } from "react";
import { useAsk } from "../context.tsx";
import type { NodeView, Point, Trace, TracedMail } from "../protocol.ts";
import { feedOf, href, type Route, traceOf, userOf } from "../route.ts";
import { iconOf, since, titleOf, toneOf, wordsOf } from "../traceline.ts";
import { Ago, Chip, Empty, Fact, Failed, Heading, MailChip, TypeChip, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { humane, moment, plural } from "../words.ts";
import { Details } from "./details.tsx";
import { FindNotifications } from "./tracefind.tsx";

/** It goes on while one looks. */
const EVERY_MS = 2_000;

/** What happened to one notification; without an id, a search for it. */
export function TracePage({ route }: { route: Extract<Route, { page: "trace" }> }): ReactNode {
  return route.id === null ? <FindNotifications search={route} /> : <One key={route.id} id={route.id} />;
}

function One({ id }: { id: string }): ReactNode {
  const { data, error, reload } = useAsk<{ trace: Trace }>("trace", { id }, EVERY_MS);
  const trace = data?.trace;
  const [open, setOpen] = useState(false);
  return (
    <>
      <a className="back" href={href({ ...traceOf(null) })}>
        <Icon name="back" />
        Traces
      </a>
      <Heading
        title={trace ? trace.notification.title || "Recalled" : "Trace"}
        note={<span className="mono small">{id}</span>}
      >
        <button type="button" className="button" disabled={!trace} onClick={() => setOpen(true)}>
          <Icon name="eye" />
          What it says
        </button>
      </Heading>
      {error?.code === "not_found" ? (
        <section className="card" aria-label="Trace">
          <Empty icon="search" title="No notification has this id">
            It was never stored, or it is older than is kept.
          </Empty>
        </section>
      ) : error ? (
        <Failed error={error} retry={reload} />
      ) : null}
      {trace ? <Told trace={trace} /> : error ? null : <Waiting lines={8} />}
      {open ? <Details id={id} close={() => setOpen(false)} /> : null}
    </>
  );
}

function Told({ trace }: { trace: Trace }): ReactNode {
  return (
    <div className="trace">
      <section className="card" aria-labelledby="line">
        <header className="card-head">
          <h2 id="line">What happened</h2>
          {trace.silent.length ? (
            <span className="soft small">no answer of {trace.silent.join(", ")}</span>
          ) : null}
        </header>
        <ol className="trace-line">
          {trace.line.map((point, index) => (
            <Line
              key={`${point.at} ${point.what} ${index}`}
              point={point}
              before={trace.line[index - 1]}
              several={trace.mails.length > 1}
            />
          ))}
        </ol>
      </section>
      <div className="trace-side">
        <Call trace={trace} />
        {trace.mails.map((mail) => (
          <Mail key={mail.id} mail={mail} own={mail.id === trace.notification.id} />
        ))}
        {trace.nodes.length ? <Nodes nodes={trace.nodes} /> : null}
      </div>
    </div>
  );
}

function Line(props: { point: Point; before: Point | undefined; several: boolean }): ReactNode {
  const { point, before } = props;
  const words = wordsOf(point);
  const later = Date.parse(point.at) > Date.now();
  return (
    <li className={`${toneOf(point)} ${later ? "later" : ""}`}>
      <span className="trace-dot">
        <Icon name={iconOf(point)} />
      </span>
      <span className="trace-what">
        <span className="strong">{titleOf(point)}</span>
        {point.via === "reader" && point.by ? (
          <>
            {" by "}
            <a href={href({ page: "users", user: point.by })}>{point.by}</a>
          </>
        ) : null}
        {words ? <span className="under">{words}</span> : null}
        {props.several && point.mail ? <span className="under mono">mail {point.mail}</span> : null}
      </span>
      <span className="trace-when soft">
        <time dateTime={point.at} title={moment(point.at)}>
          {later ? <Ago time={point.at} /> : clockOf(point.at)}
        </time>
        <span className="under">
          {before ? since(before.at, point.at) : new Date(point.at).toLocaleDateString("en")}
        </span>
      </span>
    </li>
  );
}

/** To the millisecond: that is what one looks for here. */
function clockOf(time: string): string {
  return new Date(time).toLocaleTimeString("en", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hour12: false,
  });
}

function Call({ trace }: { trace: Trace }): ReactNode {
  const { notification, call, campaign } = trace;
  const user = userOf(notification.room);
  return (
    <section className="card" aria-labelledby="call">
      <header className="card-head">
        <h2 id="call">The call</h2>
        <TypeChip type={notification.type} />
      </header>
      <dl className="facts card-facts">
        <Fact label="To">
          {user === null ? (
            <a className="mono" href={href(feedOf(notification.room))}>
              {notification.room}
            </a>
          ) : (
            <a className="mono" href={href({ page: "users", user })}>
              {notification.room}
            </a>
          )}
          {notification.seq === null ? null : ` #${notification.seq}`}
        </Fact>
        <Fact label="By">{call.by ?? <span className="soft">not kept</span>}</Fact>
        {call.request_id ? (
          <Fact label="Request">
            <span className="mono small">{call.request_id}</span>
          </Fact>
        ) : null}
        {call.idempotency_key ? (
          <Fact label="Key">
            <span className="mono small">{call.idempotency_key}</span>
          </Fact>
        ) : null}
        {call.scheduled ? (
          <Fact label="Scheduled as">
            <span className="mono small">{call.scheduled}</span>
          </Fact>
        ) : null}
        {campaign ? (
          <Fact label="Campaign">
            <a href={href({ page: "campaigns", campaign: campaign.id, state: "" })}>{campaign.name}</a>
          </Fact>
        ) : null}
      </dl>
    </section>
  );
}

const SAID: Readonly<Record<string, string>> = {
  passed: "let it pass",
  held: "holds it",
  merged: "into a digest",
  skipped: "stopped it",
  not_asked: "not asked",
  unknown: "",
};

function Mail({ mail, own }: { mail: TracedMail; own: boolean }): ReactNode {
  const known = mail.gates.some((gate) => gate.said !== "unknown");
  const name = own ? "Its mail" : mail.kind === "digest" ? "The digest’s mail" : "A mail of it";
  return (
    <section className="card" aria-label={name}>
      <header className="card-head">
        <h2>{name}</h2>
        <MailChip state={mail.state} />
      </header>
      <dl className="facts card-facts">
        <Fact label="To">{mail.to || <span className="soft">forgotten</span>}</Fact>
        <Fact label="Attempts">{mail.attempts}</Fact>
        {(mail.verdict ?? mail.reason) ? <Fact label="Reason">{mail.verdict ?? mail.reason}</Fact> : null}
        {mail.digest && own ? (
          <Fact label="Digest">
            <a className="mono small" href={href(traceOf(mail.digest))}>
              {mail.digest}
            </a>
          </Fact>
        ) : null}
        {own ? null : (
          <Fact label="Of">
            <a className="mono small" href={href(traceOf(mail.id))}>
              {`${humane(mail.kind)} ${mail.of}`}
            </a>
          </Fact>
        )}
      </dl>
      {known ? (
        <ol className="trace-gates" aria-label="Rules, in their order">
          {mail.gates.map(({ rule, said }) => (
            <li key={rule} className={said}>
              <span>{humane(rule)}</span>
              <span className="soft">{SAID[said]}</span>
            </li>
          ))}
        </ol>
      ) : null}
    </section>
  );
}

function Nodes({ nodes }: { nodes: readonly NodeView[] }): ReactNode {
  return (
    <section className="card" aria-labelledby="nodes">
      <header className="card-head">
        <h2 id="nodes">In the room now</h2>
      </header>
      <ul className="trace-nodes">
        {nodes.map((view) => (
          <li key={view.node}>
            <span className="mono clip">{view.node}</span>
            <span className="soft nowrap">{plural(view.here, "session")}</span>
            {view.here && view.has_come ? <Chip tone="good">given it</Chip> : null}
          </li>
        ))}
      </ul>
      <p className="soft small card-note">
        Whoever is here has been given it, live or as what they had missed. That they have it, only their own
        acts say.
      </p>
    </section>
  );
}
