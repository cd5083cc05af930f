import { type ReactNode, useId, useState } from "react";
import { percent, points } from "../campaign.ts";
import { useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import type { CampaignDetail, TrialResults } from "../protocol.ts";
import { Chip, Fact, type Tone } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { figure, moment } from "../words.ts";

const VERDICTS: Record<TrialResults["verdict"], { words: string; tone: Tone }> = {
  open: { words: "Nothing is found yet", tone: "accent" },
  winner: { words: "There is a winner", tone: "good" },
  no_winner: { words: "No winner: no difference has shown", tone: "plain" },
  broken: { words: "Broken: people are not split as they should be", tone: "bad" },
};

/** How the variants of a campaign do, each beside the first, and which one those get who wait. */
export function Trial(props: { campaign: CampaignDetail; reload: () => void }): ReactNode {
  const { campaign } = props;
  const { results, experiment } = campaign;
  const title = useId();
  const [asked, setAsked] = useState<string | null>(null);
  const { gateway } = useDesk();
  if (results === null || experiment === null) return null;
  const { words, tone } = VERDICTS[results.verdict];
  const beside = new Map(results.comparisons.map((one) => [one.variant, one]));
  const waits = experiment.share < 100 && results.chosen === null;
  const open = waits && (campaign.state === "running" || campaign.state === "paused");
  return (
    <section className="card campaign-card" aria-labelledby={title}>
      <header className="card-head">
        <h2 id={title}>Experiment</h2>
        <Chip tone={tone}>{words}</Chip>
      </header>
      <table className="trial">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">Clicked</th>
            <th scope="col">Beside the first</th>
            {open ? (
              <th scope="col">
                <span className="unseen">Choose</span>
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody>
          {results.variants.map((one) => {
            const compared = beside.get(one.name);
            return (
              <tr key={one.name}>
                <td className="said">
                  <b>{one.name}</b>
                  {one.name === results.winner ? <Chip tone="good">Winner</Chip> : null}
                  {one.name === results.chosen ? <Chip tone="accent">Chosen</Chip> : null}
                </td>
                <td>
                  {percent(one.rate)}
                  <span className="under">
                    {figure(one.clicked)} of {figure(one.sent)} · {percent(one.low)} to {percent(one.high)}
                  </span>
                </td>
                <td>
                  {compared ? points(compared.difference) : "–"}
                  {compared ? (
                    <span className="under">
                      {points(compared.low)} to {points(compared.high)}
                    </span>
                  ) : null}
                </td>
                {open ? (
                  <td>
                    <For event="choose_variant">
                      <button type="button" className="button small" onClick={() => setAsked(one.name)}>
                        Choose…
                      </button>
                    </For>
                  </td>
                ) : null}
              </tr>
            );
          })}
        </tbody>
      </table>
      <dl className="facts campaign-facts">
        <Fact label="Planned for">{figure(results.people)} on trial</Fact>
        <Fact label="On trial">
          {figure(results.variants.reduce((sum, one) => sum + one.assigned, 0))} so far, {experiment.share} %
          {experiment.holdout ? `, ${experiment.holdout} % held out` : ""}
        </Fact>
        <Fact label="Looked at">
          {results.rule === "sequential"
            ? `at any time, for ${figure(results.conversions ?? 0)} clicks`
            : "once, when it is over"}
        </Fact>
        {results.over_at ? <Fact label="Over">{moment(results.over_at)}</Fact> : null}
      </dl>
      {asked === null ? null : (
        <Confirm
          title={`Send ${asked} to those who wait?`}
          act="Choose it"
          close={() => setAsked(null)}
          run={async () => {
            await gateway.ask("choose_variant", { campaign: campaign.id, variant: asked });
            props.reload();
          }}
        >
          <p>{words}. The first choice stays.</p>
        </Confirm>
      )}
    </section>
  );
}
