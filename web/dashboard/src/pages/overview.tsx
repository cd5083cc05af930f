import { type ReactNode, useState } from "react";
import { useAsk, useDesk, useUrgent } from "../context.tsx";
import type { FeedItem, MailState, Overview, Roster } from "../protocol.ts";
import { feedOf, href, mailOf } from "../route.ts";
import { bucketed, highest, last, sum, type Window, windowOf, within } from "../series.ts";
import { useStore } from "../store.ts";
import { Ago, Empty, Failed, Heading, Segments, TypeChip, Waiting } from "../ui/bits.tsx";
import { Chart, type Curve } from "../ui/chart.tsx";
import { figure, humane, milliseconds, plural } from "../words.ts";
import { Alerts } from "./alerts.tsx";
import { PausedLanes } from "./lanes.tsx";

const EVERY_MS = 10_000;
const TONES: Record<string, string> = {
  accepted: "c1",
  duplicate: "c2",
  sent: "c1",
  gathered: "c2",
  skipped: "c2",
  held: "c4",
  postponed: "c4",
  lost: "c4",
  buried: "c3",
};
const BELOW = ["accepted", "sent", "duplicate", "gathered", "skipped", "held", "postponed", "lost"];

/** How many in each step, by outcome. */
type Columns = Readonly<Record<string, readonly number[]>>;

/** It has the height of a line. */
const NOTHING = "\u00a0";

type Minutes = "60" | "15";
const SHORT_MS = 15 * 60_000;

export function OverviewPage(): ReactNode {
  const [chosen, setChosen] = useState<Minutes | null>(null);
  const overview = useAsk<Overview>("overview", { minutes: 60 }, EVERY_MS);
  const roster = useAsk<Roster>("presence", { limit: 1 }, EVERY_MS);
  const mail = useAsk<{ counts: Record<MailState, number> }>("mail_counts", {}, EVERY_MS);
  const { data } = overview;
  const counts = mail.data?.counts;
  // By the clock of the gateway, which has made the steps: the admin's may be another.
  const now = Date.parse(data?.at.at(-1) ?? "") || Date.now();
  // Where nothing is older, an hour would be a blank with a stroke at its end.
  const begun = Date.parse(data?.at[0] ?? "");
  const minutes = chosen ?? (now - begun > SHORT_MS ? "60" : "15");
  const window = windowOf(now, Number(minutes), minutes === "60" ? 60 : 30);
  const span = minutes === "60" ? "in the last hour" : "in the last 15 minutes";
  return (
    <>
      <Heading title="Overview" note={data ? <Nodes data={data} /> : "What this gateway is doing"}>
        <Segments<Minutes>
          label="Time shown"
          value={minutes}
          choose={setChosen}
          options={[
            { value: "15", label: "15 min" },
            { value: "60", label: "1 hour" },
          ]}
        />
      </Heading>
      <Alerts />
      <PausedLanes />
      <div className="tiles">
        <Tile label="People online" to={href({ page: "online" })} value={roster.data?.users}>
          {roster.data ? plural(roster.data.connections, "connection") : NOTHING}
        </Tile>
        <Tile label="Mail waiting" to={href(mailOf("pending"))} value={waiting(counts)}>
          {counts ? `${figure(gone(counts))} sent in all` : NOTHING}
        </Tile>
        <Tile
          label="Dead mail"
          to={href(mailOf("dead"))}
          value={counts?.dead}
          tone={counts?.dead ? "bad" : ""}
        >
          {counts ? (counts.dead ? "Needs a look" : "Nothing to revive") : NOTHING}
        </Tile>
        <Tile
          label="Emits"
          to={href(feedOf(""))}
          // Of a node that has not counted yet nothing is known.
          value={data?.at.length ? total(data.emits, window, data.at) : undefined}
        >
          {span}
        </Tile>
      </div>
      {overview.error ? <Failed error={overview.error} retry={overview.reload} /> : null}
      {data ? (
        <Charts data={data} window={window} span={span} open={roster.data?.connections} />
      ) : overview.loading ? (
        <ChartsWaiting />
      ) : null}
      <Latest />
    </>
  );
}

function Nodes({ data: { node, nodes, started_at } }: { data: Overview }): ReactNode {
  const name = <span className="mono">{node}</span>;
  return nodes.length === 1 ? (
    <>
      Node {name}, started <Ago time={started_at} />
    </>
  ) : (
    <>
      <span title={nodes.join("\n")}>{plural(nodes.length, "node")} together</span>, told by {name}
    </>
  );
}

function Tile(props: {
  label: string;
  to: string;
  value: number | undefined;
  tone?: string;
  children: ReactNode;
}): ReactNode {
  return (
    <a className={`card tile ${props.tone ?? ""}`} href={props.to}>
      <span className="tile-label">{props.label}</span>
      <span className="tile-value">
        {props.value === undefined ? <span className="bone short" /> : figure(props.value)}
      </span>
      <span className="tile-note">{props.children}</span>
    </a>
  );
}

function Charts({
  data,
  window,
  span,
  open,
}: {
  data: Overview;
  window: Window;
  span: string;
  open: number | undefined;
}): ReactNode {
  const per = window.bucketMs === 60_000 ? "per minute" : "per 30 seconds";
  const line = (
    name: string,
    tone: string,
    values: readonly (number | null)[],
    combine: (v: number[]) => number,
  ): Curve => ({
    name,
    tone,
    values: bucketed(window, data.at, values, combine),
  });
  /** `told`: those of the columns that the figure is of. */
  const counts = (title: string, columns: Columns, told = columns, of = span) => (
    <Chart
      title={title}
      figure={figure(total(told, window, data.at))}
      of={of}
      kind="bars"
      window={window}
      curves={Object.entries(columns)
        .filter(([, values]) => values.some((value) => value > 0))
        .sort(([one], [other]) => order(one) - order(other))
        .map(([outcome, values]) => line(humane(outcome), TONES[outcome] ?? "c3", values, sum))}
      say={figure}
      note={per}
    />
  );
  // The last step may be ten seconds old, and the tile above says what is now: the line ends there.
  const connections = line("Connections", "c1", data.connections, last);
  const now = {
    ...connections,
    values: [...connections.values.slice(0, -1), open ?? connections.values.at(-1) ?? null],
  };
  const emits = line("Emit", "c1", data.emit_p99_ms, highest);
  const appends = line("Append", "c2", data.append_p99_ms, highest);
  const worst = Math.max(0, ...[...emits.values, ...appends.values].map((value) => value ?? 0));
  return (
    <div className="charts">
      <Chart
        title="Connections"
        figure={figure(now.values.at(-1) ?? 0)}
        of="now"
        kind="lines"
        window={window}
        curves={[now]}
        say={figure}
        note={data.nodes.length > 1 ? "open, on all nodes" : "open"}
      />
      {counts("Emits", data.emits)}
      <Chart
        title="Deliveries"
        figure={figure(total({ delivered: data.deliveries }, window, data.at))}
        of={span}
        kind="bars"
        window={window}
        curves={[line("Deliveries", "c1", data.deliveries, sum)]}
        say={figure}
        note={`events, ${per}`}
      />
      {counts("Mail", data.mail, { sent: data.mail.sent ?? [] }, `sent ${span}`)}
      <Chart
        title="Latency, p99"
        figure={worst ? milliseconds(worst) : "–"}
        of="at worst"
        kind="lines"
        window={window}
        curves={[emits, appends]}
        say={milliseconds}
        note={data.nodes.length > 1 ? "worst 10 s, slowest node" : "worst 10 s"}
      />
    </div>
  );
}

function ChartsWaiting(): ReactNode {
  return (
    <div className="charts" role="status" aria-label="Loading">
      {["a", "b", "c", "d"].map((name) => (
        <div key={name} className="card chart">
          <Waiting lines={3} />
        </div>
      ))}
    </div>
  );
}

function Latest(): ReactNode {
  const { items } = useStore(useDesk().live.feed);
  return (
    <section className="card latest" aria-labelledby="latest">
      <header className="card-head">
        <h2 id="latest">Latest</h2>
        <a href={href(feedOf(""))}>Open the feed</a>
      </header>
      {items.length ? (
        <ul>
          {items.slice(0, 6).map((item) => (
            <Line key={item.id} item={item} />
          ))}
        </ul>
      ) : (
        <Empty icon="feed" title="Quiet so far">
          What is emitted from now on shows up here.
        </Empty>
      )}
    </section>
  );
}

function Line({ item }: { item: FeedItem }): ReactNode {
  const urgent = useUrgent(item.type);
  return (
    <li className={urgent ? "urgent" : ""}>
      <TypeChip type={item.type} />
      <span className="clip strong" dir="auto">
        {item.title}
      </span>
      <span className="clip soft mono">{item.room}</span>
      <span className="soft nowrap">
        <Ago time={item.created_at} />
      </span>
    </li>
  );
}

/** What has left, whatever became of it. */
const gone = ({ sent, delivered, bounced, complained }: Record<MailState, number>): number =>
  sent + delivered + bounced + complained;
const order = (outcome: string): number => (BELOW.indexOf(outcome) + 100) % 100;
/** Of all that was counted within the window. */
function total(columns: Columns, window: Window, at: readonly string[]): number {
  const shown = within(window, at);
  return sum(Object.values(columns).flatMap((values) => values.filter((_, step) => shown[step])));
}
const waiting = (counts: Record<MailState, number> | undefined): number | undefined =>
  counts && counts.pending + counts.leased;
