import { type ReactNode, useId, useState } from "react";
import { useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import type { CampaignDetail } from "../protocol.ts";
import { Arms, PlanFacts, VERDICTS } from "../ui/arms.tsx";
import { Chip, Fact } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { moment } from "../words.ts";

/** How the variants of a campaign do, each beside the first, and which one those get who wait. */
export function Trial(props: { campaign: CampaignDetail; reload: () => void }): ReactNode {
  const { campaign } = props;
  const { results, experiment } = campaign;
  const title = useId();
  const [asked, setAsked] = useState<string | null>(null);
  const { gateway } = useDesk();
  if (results === null || experiment === null) return null;
  const { words, tone } = VERDICTS[results.verdict];
  const waits = experiment.share < 100 && results.chosen === null;
  const open = waits && (campaign.state === "running" || campaign.state === "paused");
  return (
    <section className="card campaign-card" aria-labelledby={title}>
      <header className="card-head">
        <h2 id={title}>Experiment</h2>
        <Chip tone={tone}>{words}</Chip>
      </header>
      <Arms
        did={experiment.metric === "click" ? "Clicked" : "Converted"}
        arms={results.variants.map((one) => ({ ...one, people: one.sent }))}
        comparisons={results.comparisons}
        winner={results.winner}
        chosen={results.chosen}
        choose={
          open
            ? (name) => (
                <For event="choose_variant">
                  <button type="button" className="button small" onClick={() => setAsked(name)}>
                    Choose…
                  </button>
                </For>
              )
            : null
        }
      />
      <dl className="facts campaign-facts">
        <PlanFacts results={results} share={experiment.share} holdout={experiment.holdout} />
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
