import { type ReactNode, useId, useState } from "react";
import { audienceOf, PARTS, shares } from "../campaign.ts";
import { useAsk } from "../context.tsx";
import { For } from "../may.tsx";
import type { CampaignDetail, Stats } from "../protocol.ts";
import { href } from "../route.ts";
import { together } from "../statistics.ts";
import { CampaignChip, Chip, Fact, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Funnel } from "../ui/funnel.tsx";
import { figure, humane, moment, plural } from "../words.ts";
import { BeforeStart } from "./beforestart.tsx";
import { ACTS, CampaignActs } from "./campaignacts.tsx";
import { PausedLanes } from "./lanes.tsx";
import { RecipientList } from "./recipients.tsx";
import { Trial } from "./trial.tsx";

/** While something moves, and while nothing does. */
const MOVING_MS = 1_000;
const STILL_MS = 10_000;

export function OneCampaign(props: { id: string; state: string }): ReactNode {
  const [moving, setMoving] = useState(true);
  const question = { campaign: props.id };
  const { data, error, reload } = useAsk<CampaignDetail>("campaign", question, moving ? MOVING_MS : STILL_MS);
  const isMoving = data === null || data.state === "running" || data.accounting.owed > 0;
  if (isMoving !== moving) setMoving(isMoving);
  const partsMs = moving ? 5 * MOVING_MS : STILL_MS;
  if (data === null) {
    return (
      <>
        <Heading title="Campaign" />
        {error ? (
          <Failed error={error} retry={reload} />
        ) : (
          <div className="card">
            <Waiting lines={6} />
          </div>
        )}
      </>
    );
  }
  return (
    <>
      <Heading title={data.name} note={<Note campaign={data} />}>
        <For event="start_campaign">
          <CampaignActs campaign={data} reload={reload} />
        </For>
      </Heading>
      {error ? <Failed error={error} retry={reload} /> : null}
      {ACTS[data.state].length ? (
        <PausedLanes>Resume it first: nothing of the campaign leaves before.</PausedLanes>
      ) : null}
      <Progress campaign={data} />
      <Trial campaign={data} reload={reload} />
      <CameOf campaign={data} everyMs={partsMs} />
      {data.state === "draft" ? (
        <For event="campaign_test">
          <BeforeStart campaign={data} />
        </For>
      ) : null}
      <RecipientList campaign={data} state={props.state} everyMs={partsMs} />
    </>
  );
}

function Note({ campaign }: { campaign: CampaignDetail }): ReactNode {
  return (
    <>
      <CampaignChip state={campaign.state} />{" "}
      <a className="mono" href={href({ page: "types", type: campaign.type, view: "" })}>
        {campaign.type}
      </a>{" "}
      to {audienceOf(campaign.audience)}
      {campaign.reason ? <span className="problem"> {campaign.reason}</span> : null}
    </>
  );
}

function Progress({ campaign }: { campaign: CampaignDetail }): ReactNode {
  const title = useId();
  const sums = campaign.accounting;
  const told = PARTS.filter((part) => sums[part] > 0).map((part) => `${figure(sums[part])} ${part}`);
  return (
    <section className="card campaign-card" aria-labelledby={title}>
      <header className="card-head">
        <h2 id={title}>{plural(sums.imported, "recipient")}</h2>
        {sums.exact ? (
          <Chip tone="good">Accounts come out even</Chip>
        ) : (
          <Chip tone="bad">Accounts do not come out even</Chip>
        )}
      </header>
      <div className="campaign-bar" role="img" aria-label={told.join(", ") || "nobody yet"}>
        {shares(sums).map(({ part, percent }) => (
          <span key={part} className={`part ${part}`} style={{ inlineSize: `${percent}%` }} />
        ))}
      </div>
      <dl className="campaign-sums">
        {PARTS.map((part) => (
          <div key={part}>
            <dt>
              <span className={`swatch part ${part}`} />
              {humane(part)}
            </dt>
            <dd>{figure(sums[part])}</dd>
          </div>
        ))}
      </dl>
      <dl className="facts campaign-facts">
        {Object.entries(sums.skipped_by).map(([rule, number]) => (
          <Fact key={rule} label="Skipped">
            {figure(number)} by {rule}
          </Fact>
        ))}
        {sums.delivered + sums.bounced + sums.complained > 0 ? (
          <Fact label="Heard since">
            {figure(sums.delivered)} delivered, {figure(sums.bounced)} bounced, {figure(sums.complained)}{" "}
            complained
          </Fact>
        ) : null}
        {campaign.send_at ? <Fact label="Begins">{moment(campaign.send_at)}</Fact> : null}
        {campaign.rate ? <Fact label="At most">{plural(campaign.rate, "mail")} a minute</Fact> : null}
        {campaign.local_time ? <Fact label="At">{campaign.local_time} by each one’s own clock</Fact> : null}
        {campaign.in_app ? (
          <Fact label="In the app">
            told in <span className="mono">{campaign.in_app}</span>
          </Fact>
        ) : null}
      </dl>
    </section>
  );
}

/** What the statistics say of its mail, as far as they have counted it. */
function CameOf({ campaign, everyMs }: { campaign: CampaignDetail; everyMs: number }): ReactNode {
  const from = campaign.started_at;
  const question = from === null ? null : { from, campaign: campaign.id, channel: "email", by: "channel" };
  const { data } = useAsk<Stats>("stats", question, everyMs);
  return data?.rows.length ? (
    <div className="campaign-card">
      <Funnel channel="email" counts={together(data.rows)} />
    </div>
  ) : null;
}
