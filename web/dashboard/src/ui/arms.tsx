import type { ReactNode } from "react";
import { percent, points } from "../campaign.ts";
import type { Comparison, TrialResults } from "../protocol.ts";
import { figure } from "../words.ts";
import { Chip, Fact, type Tone } from "./bits.tsx";

export const VERDICTS: Record<TrialResults["verdict"], { words: string; tone: Tone }> = {
  open: { words: "Nothing is found yet", tone: "accent" },
  winner: { words: "There is a winner", tone: "good" },
  no_winner: { words: "No winner: no difference has shown", tone: "plain" },
  broken: { words: "Broken: people are not split as they should be", tone: "bad" },
};

export interface ArmRow {
  name: string;
  rate: number;
  low: number;
  high: number;
  people: number;
  converted: number;
}

/** How variants do, each beside the first. */
export function Arms(props: {
  did: string;
  arms: readonly ArmRow[];
  comparisons: readonly Comparison[];
  winner: string | null;
  chosen: string | null;
  /** What stands behind each, if anything may be chosen. */
  choose: ((name: string) => ReactNode) | null;
}): ReactNode {
  const beside = new Map(props.comparisons.map((one) => [one.variant, one]));
  const { choose } = props;
  return (
    <table className="trial">
      <thead>
        <tr>
          <th scope="col">Variant</th>
          <th scope="col">{props.did}</th>
          <th scope="col">Beside the first</th>
          {choose ? (
            <th scope="col">
              <span className="unseen">Choose</span>
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {props.arms.map((one) => {
          // Of nobody there is no rate, and nothing to set beside another.
          const some = one.people > 0 && (props.arms[0]?.people ?? 0) > 0;
          const compared = some ? beside.get(one.name) : undefined;
          return (
            <tr key={one.name}>
              <td className="said">
                <b>{one.name}</b>
                {one.name === props.winner ? <Chip tone="good">Winner</Chip> : null}
                {one.name === props.chosen ? <Chip tone="accent">Chosen</Chip> : null}
              </td>
              <td className="arm-figure" data-label={props.did}>
                {one.people ? percent(one.rate) : "–"}
                <span className="under">
                  {one.people
                    ? `${figure(one.converted)} of ${figure(one.people)} · ${percent(one.low)} to ${percent(one.high)}`
                    : "of nobody yet"}
                </span>
              </td>
              <td className="arm-figure" data-label="Beside the first">
                {compared ? points(compared.difference) : "–"}
                {compared ? (
                  <span className="under">
                    {points(compared.low)} to {points(compared.high)}
                  </span>
                ) : null}
              </td>
              {choose ? <td className="arm-choice">{choose(one.name)}</td> : null}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** What was planned, and how many take part. */
export function PlanFacts(props: {
  results: Pick<TrialResults, "people" | "rule" | "conversions"> & {
    readonly variants: readonly { readonly assigned: number }[];
  };
  share: number;
  holdout: number;
}): ReactNode {
  const { results, share, holdout } = props;
  return (
    <>
      <Fact label="Planned for">{figure(results.people)} on trial</Fact>
      <Fact label="On trial">
        {figure(results.variants.reduce((sum, one) => sum + one.assigned, 0))} so far, {share} %
        {holdout ? `, ${holdout} % held out` : ""}
      </Fact>
      <Fact label="Looked at">
        {results.rule === "sequential"
          ? `at any time, for ${figure(results.conversions ?? 0)} that convert`
          : "once, when it is over"}
      </Fact>
    </>
  );
}
