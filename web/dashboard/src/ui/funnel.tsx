import type { ReactNode } from "react";
import type { StatsCounts } from "../protocol.ts";
import { type Channel, ENDS, NAMES, share, told } from "../statistics.ts";
import { figure, humane, part } from "../words.ts";

const NOTES: Record<Channel, string> = {
  in_app: "Of what was emitted to one person each",
  email: "Of what was to be mailed",
  shared: "Notifications, and how many people have seen them",
};

/** How far it came: each step beside the whole. */
export function Funnel({ channel, counts }: { channel: Channel; counts: StatsCounts }): ReactNode {
  const steps = told(channel, counts);
  const most = Math.max(1, ...steps.map((outcome) => counts[outcome] ?? 0));
  const ends = ENDS[channel].filter((outcome) => counts[outcome]);
  return (
    <section className={`card funnel ${channel}`} aria-labelledby={`funnel-${channel}`}>
      <h2 id={`funnel-${channel}`}>{NAMES[channel]}</h2>
      <p className="soft small">{NOTES[channel]}</p>
      <ol>
        {steps.map((outcome, place) => {
          const count = counts[outcome] ?? 0;
          const reached = share(channel, counts, outcome);
          return (
            <li key={outcome}>
              <span className="step-name">{humane(outcome)}</span>
              <span className="track" aria-hidden="true">
                <span className={`reach reach-${place}`} style={{ width: `${(100 * count) / most}%` }} />
              </span>
              <b className="step-count">{figure(count)}</b>
              {channel === "shared" ? null : (
                <span className="step-part">{place && reached !== null ? part(reached) : ""}</span>
              )}
            </li>
          );
        })}
      </ol>
      {ends.length ? (
        <p className="ends">
          {ends.map((outcome) => (
            <span key={outcome} className={outcome === "skipped" ? "soft" : "lost"}>
              {figure(counts[outcome] ?? 0)} {humane(outcome).toLowerCase()}
            </span>
          ))}
        </p>
      ) : null}
    </section>
  );
}
