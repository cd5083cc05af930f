import { type ReactNode, useId, useState } from "react";
import { For } from "../may.tsx";
import type { TypeDetail, TypeExperiment } from "../protocol.ts";
import { Arms, PlanFacts, VERDICTS } from "../ui/arms.tsx";
import { Chip, Fact } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { moment } from "../words.ts";

const DID: Record<string, string> = { click: "Clicked", read: "Read in the app", conversion: "Converted" };

/** How the variants of a type do, each beside the first, and which one everybody gets. */
export function TypeTrial(props: {
  type: TypeDetail;
  choose: (variant: string | null) => Promise<void>;
}): ReactNode {
  const { experiment } = props.type;
  const title = useId();
  const [asked, setAsked] = useState<{ variant: string | null } | null>(null);
  if (experiment === null) return null;
  const { words, tone } = VERDICTS[experiment.verdict];
  const settled = experiment.chosen !== null;
  return (
    <section className="card campaign-card" aria-labelledby={title}>
      <header className="card-head">
        <h2 id={title}>Experiment</h2>
        <Chip tone={tone}>{experiment.begun_at === null ? "Nobody takes part yet" : words}</Chip>
      </header>
      <Arms
        did={DID[experiment.metric] ?? experiment.metric}
        arms={experiment.variants.map((one) => ({ ...one, people: one.reached }))}
        comparisons={experiment.comparisons}
        winner={experiment.winner}
        chosen={experiment.chosen}
        choose={(name) =>
          name === experiment.chosen ? null : (
            <For event="type_switch">
              <button type="button" className="button small" onClick={() => setAsked({ variant: name })}>
                Choose…
              </button>
            </For>
          )
        }
      />
      <dl className="facts campaign-facts">
        <PlanFacts results={experiment} share={experiment.share} holdout={experiment.holdout} />
        {experiment.over_at ? <Fact label="Over">{moment(experiment.over_at)}</Fact> : null}
      </dl>
      {settled ? (
        <For event="type_switch">
          <p className="acts trial-acts">
            <button type="button" className="button small" onClick={() => setAsked({ variant: null })}>
              Have it tried on…
            </button>
          </p>
        </For>
      ) : null}
      {asked === null ? null : (
        <Choose
          experiment={experiment}
          variant={asked.variant}
          choose={props.choose}
          close={() => setAsked(null)}
        />
      )}
    </section>
  );
}

function Choose(props: {
  experiment: TypeExperiment;
  variant: string | null;
  choose: (variant: string | null) => Promise<void>;
  close: () => void;
}): ReactNode {
  const { experiment, variant } = props;
  return (
    <Confirm
      title={variant === null ? "Have the variants tried on?" : `Say ${variant} to everybody?`}
      act={variant === null ? "Go on trying" : "Choose it"}
      close={props.close}
      run={() => props.choose(variant)}
    >
      <ul className="consequences">
        {variant === null ? (
          <li>
            Everybody gets what falls to them by lot, as before. If its time is over, it is settled anew.
          </li>
        ) : (
          <>
            <li>{VERDICTS[experiment.verdict].words}.</li>
            <li>
              Within a second every node says it to everybody, rooms of many and those held out included.
            </li>
            <li>Nobody comes to take part any more, and nothing more is counted.</li>
          </>
        )}
      </ul>
    </Confirm>
  );
}
