import type { ReactNode } from "react";
import type { StatsRow } from "../protocol.ts";
import {
  type Channel,
  curve,
  iso,
  NAMES,
  named,
  type Outcome,
  type Period,
  ticks,
  together,
  told,
} from "../statistics.ts";
import { Chart } from "../ui/chart.tsx";
import { Icon } from "../ui/icons.tsx";
import { figure, humane } from "../words.ts";

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

/** Step by step: a chart, and the same as a table. */
export function Curves(props: { channel: Channel; period: Period; rows: readonly StatsRow[] }): ReactNode {
  const { channel, period, rows } = props;
  const counts = together(rows);
  const outcomes = channel === "email" ? MAIL_ENDS.filter((each) => counts[each]) : told(channel, counts);
  const columns = outcomes.map((outcome) => ({
    name: humane(outcome),
    tone: TONES[outcome] ?? "c1",
    values: curve(period.window, rows, outcome),
  }));
  const base = channel === "email" ? "sent" : "emitted";
  const title = `${NAMES[channel]} ${period.per}`;
  return (
    <div className="curve-card">
      <Chart
        title={title}
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
      <AsTable title={title} period={period} columns={columns} />
    </div>
  );
}

function AsTable(props: {
  title: string;
  period: Period;
  columns: readonly { readonly name: string; readonly values: readonly number[] }[];
}): ReactNode {
  const { title, period, columns } = props;
  return (
    <details className="figures">
      <summary>
        <Icon name="next" />
        The same as a table
      </summary>
      <div className="figures-frame">
        <table>
          <caption className="unseen">{title}</caption>
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
  );
}
