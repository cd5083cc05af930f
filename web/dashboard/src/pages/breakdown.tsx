import type { ReactNode } from "react";
import { useAsk } from "../context.tsx";
import type { CampaignDetail, StatsRow } from "../protocol.ts";
import { href } from "../route.ts";
import { type Channel, ENDS, NAMES, OTHERS, STEPS, share, type Told, together, told } from "../statistics.ts";
import { figure, humane, part, plural } from "../words.ts";

/** Of the campaigns in variants, the newest: each is one card more. */
const CAMPAIGNS_SHOWN = 6;

export function ByType(props: {
  channel: Channel;
  rows: readonly StatsRow[];
  /** Where a type by itself is shown. */
  to: (type: string) => string;
}): ReactNode {
  const { channel, rows, to } = props;
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
          <a className="row-link type-name" href={to(type)}>
            {type}
          </a>
        )
      }
    />
  );
}

/** How each way of saying it does: of the type's own experiment first, then of its campaigns. */
export function Variants({ tried }: { tried: readonly Told[] }): ReactNode {
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
