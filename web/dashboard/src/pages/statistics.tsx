import { type ReactNode, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import type { CampaignDetail, Stats, StatsRow } from "../protocol.ts";
import { href, type Route } from "../route.ts";
import {
  type Channel,
  curve,
  ENDS,
  inVariants,
  iso,
  NAMES,
  named,
  type Outcome,
  type Period,
  periodOf,
  SPANS,
  type Span,
  STEPS,
  share,
  stretches,
  type Told,
  ticks,
  together,
  told,
  written,
} from "../statistics.ts";
import { Empty, Failed, Heading, Segments, useNow, Waiting } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { Funnel } from "../ui/funnel.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, humane, part, plural } from "../words.ts";

const EVERY_MS = 15_000;
const CHANNELS: readonly Channel[] = ["in_app", "email", "shared"];
const SPAN_NAMES: Record<Span, string> = {
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
  "1y": "A year",
};
const TONES: Record<string, string> = {
  emitted: "c1",
  delivered: "c2",
  seen: "c4",
  read: "c5",
  clicked: "c3",
  sent: "c1",
  skipped: "c2",
  bounced: "c4",
  dead: "c3",
};
/** Of mail each has one of these, or waits still. */
const MAIL_ENDS: readonly Outcome[] = ["sent", "skipped", "dead"];
const OTHERS = "*";
/** Of the campaigns in variants, the newest: each is one card more. */
const CAMPAIGNS_SHOWN = 6;

type Place = Extract<Route, { page: "statistics" }>;

export function StatisticsPage({ route }: { route: Place }): ReactNode {
  const now = useNow();
  const span = SPANS.find((each) => each === route.span) ?? "7d";
  const period = periodOf(span, now);
  const { step, window } = period;
  const from = iso(window.start);
  const whole = useAsk<Stats>("stats", { from, by: "type,channel" }, EVERY_MS);
  const type = route.type ? { type: route.type } : {};
  const steps = useAsk<Stats>("stats", { from, step, by: "channel", ...type }, EVERY_MS);
  // Only of one type: names of variants are each type's own.
  const apart = useAsk<Stats>(
    "stats",
    route.type ? { from, by: "channel,campaign,variant", ...type } : null,
    EVERY_MS,
  );
  const go = (change: Partial<Place>) => {
    location.hash = href({ ...route, ...change });
  };
  const chosen = CHANNELS.find((each) => each === route.channel);
  const rows = whole.data?.rows.filter((row) => !route.type || row.type === route.type) ?? [];
  const shown = (chosen ? [chosen] : CHANNELS).map((channel) => ({
    channel,
    rows: rows.filter((row) => row.channel === channel),
    steps: steps.data?.rows.filter((row) => row.channel === channel) ?? [],
  }));
  const there = shown.filter((each) => each.rows.length);
  const tried = inVariants(apart.data?.rows ?? [], chosen ? [chosen] : CHANNELS);
  const error = whole.error ?? steps.error;
  return (
    <>
      <Heading title="Statistics" note="What came of what was told">
        <Segments<Span>
          label="Time shown"
          value={span}
          choose={(value) => go({ span: value })}
          options={SPANS.map((value) => ({ value, label: SPAN_NAMES[value] }))}
        />
        <Download
          period={period}
          route={route}
          by={tried.length ? "type,channel,campaign,variant" : "type,channel"}
          disabled={!there.length}
        />
      </Heading>
      <div className="filters">
        <TypeChoice
          value={route.type}
          types={whole.data?.rows ?? []}
          choose={(value) => go({ type: value })}
        />
        <Segments<Channel | "">
          label="Channel"
          value={chosen ?? ""}
          choose={(value) => go({ channel: value })}
          options={[
            { value: "", label: "All" },
            ...CHANNELS.map((value) => ({ value, label: NAMES[value] })),
          ]}
        />
      </div>
      {error ? <Failed error={error} retry={whole.reload} /> : null}
      {whole.data === null || steps.data === null ? (
        error ? null : (
          <div className="card">
            <Waiting lines={8} />
          </div>
        )
      ) : there.length === 0 ? (
        <section className="card">
          <Empty icon="chart" title="Nothing in this time">
            What is emitted, seen, read and mailed is counted here within a few seconds, unless{" "}
            <code>BELLHOP_STATS_DAYS</code> is 0.
          </Empty>
        </section>
      ) : (
        <>
          <div className="funnels">
            {there.map((each) => (
              <Funnel key={each.channel} channel={each.channel} counts={together(each.rows)} />
            ))}
          </div>
          <div className="curves">
            {there.map((each) => (
              <Curves key={each.channel} channel={each.channel} period={period} rows={each.steps} />
            ))}
          </div>
          {there.map((each) => (
            <ByType key={each.channel} channel={each.channel} rows={each.rows} route={route} />
          ))}
          <Variants tried={tried} />
        </>
      )}
    </>
  );
}

function TypeChoice(props: {
  value: string;
  types: readonly StatsRow[];
  choose: (type: string) => void;
}): ReactNode {
  const found = [...new Set([...props.types.map(({ type }) => type ?? ""), props.value])];
  const types = found.filter(Boolean).sort();
  return (
    <label className="select">
      <span className="unseen">Type</span>
      <select value={props.value} onChange={(event) => props.choose(event.target.value)}>
        <option value="">All types</option>
        {types.map((type) => (
          <option key={type} value={type}>
            {type === OTHERS ? "All others" : type}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Step by step: a chart, and the same as a table. */
function Curves(props: { channel: Channel; period: Period; rows: readonly StatsRow[] }): ReactNode {
  const { channel, period, rows } = props;
  const counts = together(rows);
  const outcomes = channel === "email" ? MAIL_ENDS.filter((each) => counts[each]) : told(channel, counts);
  const columns = outcomes.map((outcome) => ({
    name: humane(outcome),
    tone: TONES[outcome] ?? "c1",
    values: curve(period.window, rows, outcome),
  }));
  const base = channel === "email" ? "sent" : "emitted";
  return (
    <div className="curve-card">
      <Chart
        title={`${NAMES[channel]} ${period.per}`}
        figure={figure(counts[base] ?? 0)}
        of={base}
        kind={channel === "email" ? "bars" : "lines"}
        window={period.window}
        curves={columns}
        say={figure}
        named={(at) => named(period, at)}
        ticks={ticks(period)}
        note={period.step === "day" ? "in UTC" : ""}
      />
      <details className="figures">
        <summary>
          <Icon name="next" />
          The same as a table
        </summary>
        <div className="figures-frame">
          <table>
            <caption className="unseen">
              {NAMES[channel]} {period.per}
            </caption>
            <thead>
              <tr>
                <th scope="col">
                  {period.step === "hour" ? "Hour" : period.window.count > 31 ? "Week from" : "Day"}
                </th>
                {columns.map(({ name }) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Array.from({ length: period.window.count }, (_, index) => {
                const at = period.window.start + index * period.window.bucketMs;
                return (
                  <tr key={at}>
                    <th scope="row">
                      <time dateTime={iso(at)}>{named(period, at)}</time>
                    </th>
                    {columns.map(({ name, values }) => (
                      <td key={name}>{figure(values[index] ?? 0)}</td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  );
}

function ByType(props: { channel: Channel; rows: readonly StatsRow[]; route: Place }): ReactNode {
  const { channel, rows, route } = props;
  return (
    <Breakdown
      id={`types-${channel}`}
      title={`${NAMES[channel]} by type`}
      head="Type"
      channel={channel}
      rows={rows}
      keyOf={({ type = "" }) => type}
      name={({ type = "" }) =>
        type === OTHERS ? (
          "All others"
        ) : (
          <a className="row-link type-name" href={href({ ...route, type: route.type ? "" : type })}>
            {type}
          </a>
        )
      }
    />
  );
}

/** How each way of saying it does: of the type's own experiment first, then of its campaigns. */
function Variants({ tried }: { tried: readonly Told[] }): ReactNode {
  const campaigns = new Set(tried.map(({ campaign }) => campaign).filter(Boolean));
  const left = [...campaigns].slice(CAMPAIGNS_SHOWN);
  return (
    <>
      {tried
        .filter(({ campaign }) => !left.includes(campaign))
        .map((told) => (
          <ByVariant key={`${told.campaign} ${told.channel}`} told={told} />
        ))}
      {left.length ? (
        <p className="soft small">
          {plural(left.length, "older campaign")} in variants {left.length === 1 ? "is" : "are"} not shown
          here; the file has all.
        </p>
      ) : null}
    </>
  );
}

function ByVariant({ told }: { told: Told }): ReactNode {
  const { channel, campaign, rows } = told;
  const asked = useAsk<CampaignDetail>("campaign", campaign ? { campaign } : null);
  return (
    <Breakdown
      id={`variants-${channel}-${campaign}`}
      title={
        campaign ? (
          <>
            <a href={href({ page: "campaigns", campaign, state: "" })}>
              {asked.data?.name ?? (asked.error ? "A campaign" : "…")}
            </a>{" "}
            by variant
          </>
        ) : (
          `${NAMES[channel]} by variant`
        )
      }
      head="Variant"
      channel={channel}
      rows={rows}
      keyOf={({ variant = "" }) => variant}
      name={({ variant = "" }) => variant || <span className="soft">In none of them</span>}
    />
  );
}

/** The figures of a channel as a table, a line for each row. */
function Breakdown(props: {
  id: string;
  title: ReactNode;
  head: string;
  channel: Channel;
  rows: readonly StatsRow[];
  keyOf: (row: StatsRow) => string;
  name: (row: StatsRow) => ReactNode;
}): ReactNode {
  const { id, channel, keyOf } = props;
  const all = together(props.rows);
  const outcomes = [...told(channel, all), ...ENDS[channel].filter((outcome) => all[outcome])];
  const base = STEPS[channel][0] ?? "emitted";
  const rows = [...props.rows].sort(
    (one, other) =>
      (other.counts[base] ?? 0) - (one.counts[base] ?? 0) || keyOf(one).localeCompare(keyOf(other)),
  );
  return (
    <section className="card by-type" aria-labelledby={id}>
      <header className="card-head">
        <h2 id={id}>{props.title}</h2>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">{props.head}</th>
            {outcomes.map((outcome) => (
              <th key={outcome} scope="col">
                {humane(outcome)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              <th scope="row">{props.name(row)}</th>
              {outcomes.map((outcome) => {
                const reached = outcome === base ? null : share(channel, row.counts, outcome);
                return (
                  <td key={outcome} data-label={humane(outcome)}>
                    {figure(row.counts[outcome] ?? 0)}
                    {reached === null ? null : <span className="under">{part(reached)}</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Download(props: { period: Period; route: Place; by: string; disabled: boolean }): ReactNode {
  const { gateway } = useDesk();
  const [busy, setBusy] = useState(false);
  const { period, route } = props;
  const run = async () => {
    setBusy(true);
    try {
      const asked = {
        step: period.step,
        by: props.by,
        ...(route.type && { type: route.type }),
        ...(route.channel && { channel: route.channel }),
      };
      const rows: StatsRow[] = [];
      for (const stretch of stretches(period))
        rows.push(...(await gateway.ask<Stats>("stats", { ...asked, ...stretch })).rows);
      const url = URL.createObjectURL(new Blob([written(rows)], { type: "text/csv" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = "statistics.csv";
      link.click();
      URL.revokeObjectURL(url);
    } catch (error) {
      toast(refusal(error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  return (
    <button type="button" className="button" disabled={busy || props.disabled} onClick={run}>
      Download CSV
    </button>
  );
}
