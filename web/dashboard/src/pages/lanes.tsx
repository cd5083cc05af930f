import { Fragment, type ReactNode, useState } from "react";
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
  const pause = async () => {
    await gateway.ask("pause_lane", { lane: "bulk" });
    toast("Bulk mail is paused", "good");
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
        <Confirm title="Pause bulk mail?" act="Pause" danger close={() => setAsking(null)} run={pause}>
          <p>None leaves, on any node, until somebody resumes it. All other mail goes out as ever.</p>
        </Confirm>
      ) : null}
      {asking === "resume" ? <Resume close={() => setAsking(null)} done={reload} /> : null}
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

/** Says it where one looks first, when a lane is paused, with what that means there, and lets it go on. */
export function PausedLanes({ children }: { children?: ReactNode }): ReactNode {
  const { data, reload } = useAsk<Lanes>("lanes", {}, EVERY_MS);
  const [asking, setAsking] = useState(false);
  return (data?.lanes ?? []).map(({ lane, paused }) =>
    paused ? (
      <Fragment key={lane}>
        <div className="banner on-page">
          <Icon name="alert" />
          <span>
            <a href={href(mailOf(""))}>{`${humane(lane)} mail is paused: ${paused.reason}`}</a>
            {children ? <>. {children}</> : null}
          </span>
          <For event="resume_lane">
            <button type="button" className="button small" onClick={() => setAsking(true)}>
              <Icon name="play" />
              Resume {lane} mail…
            </button>
          </For>
        </div>
        {asking ? <Resume close={() => setAsking(false)} done={reload} /> : null}
      </Fragment>
    ) : null,
  );
}

/** Asks before bulk mail, the one lane that can be paused, goes on. */
function Resume(props: { close: () => void; done: () => void }): ReactNode {
  const { gateway } = useDesk();
  return (
    <Confirm
      title="Resume bulk mail?"
      act="Resume"
      close={props.close}
      run={async () => {
        await gateway.ask("resume_lane", { lane: "bulk" });
        toast("Bulk mail goes on", "good");
        props.done();
      }}
    >
      <p>What waited leaves now. Only what is sent from now on is judged by the brake.</p>
    </Confirm>
  );
}

function span(seconds: number): string {
  const hours = seconds / HOUR;
  return hours >= 1 ? `${figure(hours)} hours` : `${figure(seconds / 60)} minutes`;
}
