import { type ReactNode, useState } from "react";
import { useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import type { Lane, Lanes } from "../protocol.ts";
import { href, mailOf } from "../route.ts";
import { Ago, Chip, Failed, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, humane, part } from "../words.ts";

const EVERY_MS = 5_000;
const HOUR = 3_600;

/** How the mail of each lane fares, and what pauses bulk mail. */
export function LaneHealth(): ReactNode {
  const { gateway } = useDesk();
  const { data, error, reload } = useAsk<Lanes>("lanes", {}, EVERY_MS);
  const [asking, setAsking] = useState<"pause" | "resume" | null>(null);
  const act = async (what: "pause" | "resume") => {
    await gateway.ask(`${what}_lane`, { lane: "bulk" });
    toast(what === "pause" ? "Bulk mail is paused" : "Bulk mail goes on", "good");
    reload();
  };
  return (
    <section className="card lanes" aria-labelledby="lanes">
      <header className="card-head">
        <h2 id="lanes">Lanes</h2>
        {data ? <span className="soft">Mail of the last {span(data.brake.window_seconds)}</span> : null}
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data ? (
        <table>
          <thead>
            <tr>
              <th scope="col">Lane</th>
              <th scope="col">Sent</th>
              <th scope="col">Delivered</th>
              <th scope="col">Came back</th>
              <th scope="col">Called spam</th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.lanes.map((lane) => (
              <Row key={lane.lane} lane={lane} ask={setAsking} />
            ))}
          </tbody>
        </table>
      ) : error ? null : (
        <Waiting lines={2} />
      )}
      {asking === "pause" ? (
        <Confirm
          title="Pause bulk mail?"
          act="Pause"
          danger
          close={() => setAsking(null)}
          run={() => act("pause")}
        >
          <p>None leaves, on any node, until somebody resumes it. All other mail goes out as ever.</p>
        </Confirm>
      ) : null}
      {asking === "resume" ? (
        <Confirm
          title="Resume bulk mail?"
          act="Resume"
          close={() => setAsking(null)}
          run={() => act("resume")}
        >
          <p>What waited leaves now. Only what is sent from now on is judged by the brake.</p>
        </Confirm>
      ) : null}
    </section>
  );
}

function Row(props: { lane: Lane; ask: (what: "pause" | "resume") => void }): ReactNode {
  const { lane } = props;
  const { paused } = lane;
  return (
    <tr>
      <td className="said">
        <span className="strong">{humane(lane.lane)}</span>
        {paused ? (
          <span className="under">
            <Chip tone="bad">Paused</Chip> <Ago time={paused.at} /> by {paused.by}: {paused.reason}
          </span>
        ) : null}
      </td>
      <td>
        <Label>Sent</Label>
        {figure(lane.sent)}
      </td>
      <td>
        <Label>Delivered</Label>
        {figure(lane.delivered)}
      </td>
      <td>
        <Label>Came back</Label>
        {figure(lane.refused + lane.bounced)}
        {lane.bounce_rate === null ? null : <span className="under">{part(lane.bounce_rate)}</span>}
      </td>
      <td>
        <Label>Called spam</Label>
        {figure(lane.complained)}
        {lane.complaint_rate === null ? null : <span className="under">{part(lane.complaint_rate)}</span>}
      </td>
      <td className="row-acts">
        {lane.lane !== "bulk" ? null : paused ? (
          <For event="resume_lane">
            <button type="button" className="button small" onClick={() => props.ask("resume")}>
              <Icon name="play" />
              Resume…
            </button>
          </For>
        ) : (
          <For event="pause_lane">
            <button type="button" className="button small" onClick={() => props.ask("pause")}>
              <Icon name="pause" />
              Pause…
            </button>
          </For>
        )}
      </td>
    </tr>
  );
}

/** On a phone, where the table has no head. */
function Label({ children }: { children: ReactNode }): ReactNode {
  return <span className="what soft">{children} </span>;
}

/** Says it where one looks first, when a lane is paused. */
export function PausedLanes(): ReactNode {
  const { data } = useAsk<Lanes>("lanes", {}, 2 * EVERY_MS);
  return (data?.lanes ?? []).map(({ lane, paused }) =>
    paused ? (
      <a key={lane} className="banner on-page" href={href(mailOf(""))}>
        <Icon name="alert" />
        {`${humane(lane)} mail is paused: ${paused.reason}`}
      </a>
    ) : null,
  );
}

function span(seconds: number): string {
  const hours = seconds / HOUR;
  return hours >= 1 ? `${figure(hours)} hours` : `${figure(seconds / 60)} minutes`;
}
