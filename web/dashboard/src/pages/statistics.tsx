import { type ReactNode, useState } from "react";
import { type Asked, refusal, useAsk, useDesk } from "../context.tsx";
import { keep } from "../download.ts";
import type { Stats, StatsRow } from "../protocol.ts";
import { href, type Route } from "../route.ts";
import {
  type Channel,
  inVariants,
  iso,
  NAMES,
  OTHERS,
  type Period,
  periodOf,
  SPANS,
  type Span,
  stretches,
  type Told,
  together,
  written,
} from "../statistics.ts";
import { Empty, Failed, Heading, Segments, useNow, Waiting } from "../ui/bits.tsx";
import { Funnel } from "../ui/funnel.tsx";
import { toast } from "../ui/toast.tsx";
import { ByType, Variants } from "./breakdown.tsx";
import { Curves } from "./curves.tsx";

const EVERY_MS = 15_000;
const CHANNELS: readonly Channel[] = ["in_app", "email", "shared"];
const SPAN_NAMES: Record<Span, string> = {
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
  "1y": "A year",
};

type Place = Extract<Route, { page: "statistics" }>;

const goTo = (place: Place): void => {
  location.hash = href(place);
};

export function StatisticsPage({ route }: { route: Place }): ReactNode {
  const now = useNow();
  const span = SPANS.find((each) => each === route.span) ?? "7d";
  const period = periodOf(span, now);
  const { types, there, tried, known, error, reload } = useFigures(route, period);
  return (
    <>
      <Heading title="Statistics" note="What came of what was told">
        <Segments<Span>
          label="Time shown"
          value={span}
          choose={(value) => goTo({ ...route, span: value })}
          options={SPANS.map((value) => ({ value, label: SPAN_NAMES[value] }))}
        />
        <Download
          period={period}
          route={route}
          by={tried.length ? "type,channel,campaign,variant" : "type,channel"}
          disabled={!there.length}
        />
      </Heading>
      <Filters route={route} types={types} />
      {error ? <Failed error={error} retry={reload} /> : null}
      {!known ? (
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
            <ByType
              key={each.channel}
              channel={each.channel}
              rows={each.rows}
              to={(type) => href({ ...route, type: route.type ? "" : type })}
            />
          ))}
          <Variants tried={tried} />
        </>
      )}
    </>
  );
}

/** What was counted in one channel: in sum by type, and step by step. */
interface Counted {
  readonly channel: Channel;
  readonly rows: readonly StatsRow[];
  readonly steps: readonly StatsRow[];
}

interface Figures extends Pick<Asked<Stats>, "error" | "reload"> {
  /** Of all types, in all channels. */
  readonly types: readonly StatsRow[];
  /** Of the channels that are shown, those in which anything was counted. */
  readonly there: readonly Counted[];
  readonly tried: readonly Told[];
  /** Whether all has been told. */
  readonly known: boolean;
}

function useFigures(route: Place, { step, window }: Period): Figures {
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
  const chosen = channelOf(route);
  const channels = chosen ? [chosen] : CHANNELS;
  const rows = whole.data?.rows.filter((row) => !route.type || row.type === route.type) ?? [];
  const shown = channels.map((channel) => ({
    channel,
    rows: rows.filter((row) => row.channel === channel),
    steps: steps.data?.rows.filter((row) => row.channel === channel) ?? [],
  }));
  return {
    types: whole.data?.rows ?? [],
    there: shown.filter((each) => each.rows.length),
    tried: inVariants(apart.data?.rows ?? [], channels),
    known: whole.data !== null && steps.data !== null,
    error: whole.error ?? steps.error,
    reload: whole.reload,
  };
}

const channelOf = (route: Place): Channel | undefined => CHANNELS.find((each) => each === route.channel);

function Filters({ route, types }: { route: Place; types: readonly StatsRow[] }): ReactNode {
  return (
    <div className="filters">
      <TypeChoice value={route.type} types={types} choose={(value) => goTo({ ...route, type: value })} />
      <Segments<Channel | "">
        label="Channel"
        value={channelOf(route) ?? ""}
        choose={(value) => goTo({ ...route, channel: value })}
        options={[{ value: "", label: "All" }, ...CHANNELS.map((value) => ({ value, label: NAMES[value] }))]}
      />
    </div>
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
      keep("statistics.csv", new Blob([written(rows)], { type: "text/csv" }));
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
