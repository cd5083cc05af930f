import { type ReactNode, useId } from "react";
import { channelName } from "../catalog.ts";
import type { Explained, Gate } from "../protocol.ts";
import { sentence } from "../schema.ts";
import { figure, humane, moment } from "../words.ts";
import { Chip, type Tone } from "./bits.tsx";
import { Icon } from "./icons.tsx";

const VERDICTS: Record<string, { word: string; tone: Tone }> = {
  send: { word: "Yes", tone: "good" },
  delay: { word: "Later", tone: "warn" },
  merge: { word: "With others", tone: "accent" },
  skip: { word: "No", tone: "bad" },
};

/** What would become of it for one user, by channel: the verdict, and what each gate said and by which facts. */
export function Explain({ explained, user }: { explained: readonly Explained[]; user: string }): ReactNode {
  return (
    <section className="card explain" aria-label={`What would reach ${user}`}>
      <header className="card-head">
        <h2>
          What would reach <span className="mono">{user}</span> now
        </h2>
      </header>
      {explained.map((one) => (
        <Channel key={one.channel} explained={one} />
      ))}
    </section>
  );
}

function Channel({ explained }: { explained: Explained }): ReactNode {
  const { channel, verdict, rule, detail, gates } = explained;
  const { word, tone } = VERDICTS[verdict] ?? { word: humane(verdict), tone: "plain" as const };
  const id = useId();
  return (
    <div className="explain-channel">
      <h3 id={id}>
        <Icon name={channel === "email" ? "mail" : "bell"} />
        {channelName(channel)}
        <Chip tone={tone}>{word}</Chip>
      </h3>
      {detail || rule ? <p className="soft small">{sentence(detail ?? humane(rule ?? ""))}</p> : null}
      {gates.length ? (
        <table className="gates" aria-labelledby={id}>
          <thead>
            <tr>
              <th scope="col">Gate</th>
              <th scope="col">Says</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {gates.map((gate) => (
              <Row key={gate.rule} gate={gate} decisive={gate.rule === rule} />
            ))}
          </tbody>
        </table>
      ) : null}
    </div>
  );
}

/** Facts that say no more than what was asked. */
const ASKED = ["type", "channel", "key", "user", "room"];

function Row({ gate, decisive }: { gate: Gate; decisive: boolean }): ReactNode {
  const facts = Object.entries(gate.facts).filter(([name]) => !ASKED.includes(name));
  return (
    <tr className={decisive ? "decisive" : ""}>
      <th scope="row">{humane(gate.rule)}</th>
      <td>
        <span className={`says ${gate.passed ? "good" : "bad"}`}>
          <Icon name={gate.passed ? "check" : "close"} />
          {gate.passed ? "Passes" : "Stops"}
        </span>
      </td>
      <td>
        {facts.length ? (
          <span className="gate-facts">
            {facts.map(([name, value]) => (
              <span key={name}>
                {humane(name).toLowerCase()} <b>{factOf(value)}</b>
              </span>
            ))}
          </span>
        ) : (
          <span className="soft">–</span>
        )}
      </td>
    </tr>
  );
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

function factOf(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return figure(value);
  if (typeof value === "string") return TIME.test(value) ? moment(value) : value || "none";
  return JSON.stringify(value);
}
