import { type ReactNode, useId, useState } from "react";
import { audienceOf, PARTS, shares } from "../campaign.ts";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import { More, usePages } from "../paging.tsx";
import {
  type CampaignDetail,
  type CampaignState,
  type DryRun,
  RECIPIENT_STATES,
  type RecipientRow,
  type RecipientState,
  type Recipients,
  type Stats,
} from "../protocol.ts";
import { href } from "../route.ts";
import { together } from "../statistics.ts";
import { Ago, Chip, Empty, Fact, Failed, Heading, Segments, type Tone, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Funnel } from "../ui/funnel.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, humane, moment, plural } from "../words.ts";
import { CampaignChip } from "./campaigns.tsx";
import { PausedLanes } from "./lanes.tsx";
import { TestMail } from "./testmail.tsx";
import { Trial } from "./trial.tsx";

/** While something moves, and while nothing does. */
const MOVING_MS = 1_000;
const STILL_MS = 10_000;
const PAGE = 50;

const TONES: Record<RecipientState, Tone> = {
  pending: "plain",
  owed: "accent",
  sent: "good",
  skipped: "warn",
  dead: "bad",
  cancelled: "plain",
};

export function OneCampaign(props: { id: string; state: string }): ReactNode {
  const [moving, setMoving] = useState(true);
  const question = { campaign: props.id };
  const { data, error, reload } = useAsk<CampaignDetail>("campaign", question, moving ? MOVING_MS : STILL_MS);
  const isMoving = data === null || data.state === "running" || data.accounting.owed > 0;
  if (isMoving !== moving) setMoving(isMoving);
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
          <Acts campaign={data} reload={reload} />
        </For>
      </Heading>
      {error ? <Failed error={error} retry={reload} /> : null}
      {ACTS[data.state].length ? (
        <PausedLanes>Resume it first: nothing of the campaign leaves before.</PausedLanes>
      ) : null}
      <Progress campaign={data} />
      <Trial campaign={data} reload={reload} />
      <CameOf campaign={data} moving={moving} />
      {data.state === "draft" ? (
        <For event="campaign_test">
          <Before campaign={data} />
        </For>
      ) : null}
      <People campaign={data} state={props.state} moving={moving} />
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

/** What can be done with a campaign in each state, and what is asked before it. */
const ACTS: Record<CampaignState, readonly string[]> = {
  draft: ["start", "cancel"],
  scheduled: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  finished: [],
  cancelled: [],
};

function Acts(props: { campaign: CampaignDetail; reload: () => void }): ReactNode {
  const { campaign, reload } = props;
  const { gateway } = useDesk();
  const [asked, setAsked] = useState<string | null>(null);
  const question = { campaign: campaign.id };
  const act = async (event: string) => {
    await gateway.ask(event, question);
    reload();
  };
  const at_once = (event: string) =>
    act(event).catch((failure: unknown) => toast(refusal(failure).message, "bad"));
  const can = ACTS[campaign.state];
  const { dead, imported } = campaign.accounting;
  return (
    <>
      {dead && (campaign.state === "finished" || campaign.state === "running") ? (
        <button type="button" className="button" onClick={() => void at_once("retry_campaign")}>
          <Icon name="retry" />
          Try {plural(dead, "dead one", "dead ones")} again
        </button>
      ) : null}
      {can.includes("pause") ? (
        <button type="button" className="button" onClick={() => void at_once("pause_campaign")}>
          <Icon name="pause" />
          Pause
        </button>
      ) : null}
      {can.includes("resume") ? (
        <button type="button" className="button primary" onClick={() => void at_once("resume_campaign")}>
          <Icon name="play" />
          Resume
        </button>
      ) : null}
      {can.includes("cancel") ? (
        <button type="button" className="button" onClick={() => setAsked("cancel")}>
          Cancel…
        </button>
      ) : null}
      {can.includes("start") ? (
        <button type="button" className="button primary" onClick={() => setAsked("start")}>
          <Icon name="play" />
          Start…
        </button>
      ) : null}
      {asked === "start" ? (
        <Confirm
          title={`Start ${campaign.name}?`}
          act="Start"
          close={() => setAsked(null)}
          run={() => act("start_campaign")}
        >
          <p>
            {campaign.audience === "import"
              ? `It goes to ${plural(imported, "recipient")}`
              : `It goes to ${audienceOf(campaign.audience)}`}
            {campaign.send_at ? `, at ${moment(campaign.send_at)}` : ", now"}. Mail that has left cannot be
            called back.
          </p>
        </Confirm>
      ) : null}
      {asked === "cancel" ? (
        <Confirm
          title={`Cancel ${campaign.name}?`}
          act="Cancel the campaign"
          danger
          close={() => setAsked(null)}
          run={async () => {
            const { cancelled, under_way } = await gateway.ask<{ cancelled: number; under_way: number }>(
              "cancel_campaign",
              question,
            );
            toast(
              `${plural(cancelled, "recipient gets", "recipients get")} nothing any more; ${plural(under_way, "mail was", "mails were")} being sent`,
            );
            reload();
          }}
        >
          <p>Nothing more of it leaves but the mails that are being sent right now. There is no way back.</p>
        </Confirm>
      ) : null}
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
function CameOf({ campaign, moving }: { campaign: CampaignDetail; moving: boolean }): ReactNode {
  const from = campaign.started_at;
  const question = from === null ? null : { from, campaign: campaign.id, channel: "email", by: "channel" };
  const { data } = useAsk<Stats>("stats", question, moving ? MOVING_MS * 5 : STILL_MS);
  return data?.rows.length ? (
    <div className="campaign-card">
      <Funnel channel="email" counts={together(data.rows)} />
    </div>
  ) : null;
}

/** What is done before a start: filling it, counting, a look into one's own mailbox. */
function Before({ campaign }: { campaign: CampaignDetail }): ReactNode {
  const { gateway } = useDesk();
  const title = useId();
  const [counted, setCounted] = useState<Omit<DryRun, "next"> | null>(null);
  const [busy, setBusy] = useState(false);
  const count = async () => {
    setBusy(true);
    try {
      let total: Omit<DryRun, "next"> = { looked_at: 0, send: 0, dead: 0, later: {}, skipped: {} };
      for (let after: string | null | undefined; after !== null; ) {
        const part: DryRun = await gateway.ask<DryRun>("campaign_dry_run", {
          campaign: campaign.id,
          ...(after && { after }),
        });
        total = {
          looked_at: total.looked_at + part.looked_at,
          send: total.send + part.send,
          dead: total.dead + part.dead,
          later: added(total.later, part.later),
          skipped: added(total.skipped, part.skipped),
        };
        setCounted(total);
        after = part.next;
      }
    } catch (failure) {
      toast(refusal(failure).message, "bad");
    }
    setBusy(false);
  };
  return (
    <section className="card campaign-card" aria-labelledby={title}>
      <header className="card-head">
        <h2 id={title}>Before it starts</h2>
        <button type="button" className="button small" disabled={busy} onClick={() => void count()}>
          Count what would become of each
        </button>
      </header>
      <div className="campaign-before">
        {campaign.audience === "import" ? (
          <p className="soft">
            Recipients are imported by{" "}
            <code className="mono">bellhop campaign import {campaign.id} people.csv</code>, or over HTTP.
          </p>
        ) : null}
        {counted ? (
          <p role="status">
            {plural(counted.looked_at, "recipient")}: <b>{figure(counted.send)}</b> would be sent it now
            {[
              ...Object.entries(counted.skipped).map(([rule, n]) => `${figure(n)} skipped by ${rule}`),
              ...Object.entries(counted.later).map(([rule, n]) => `${figure(n)} later by ${rule}`),
              ...(counted.dead ? [`${figure(counted.dead)} whose data do not fit`] : []),
            ]
              .map((text) => `, ${text}`)
              .join("")}
            .
          </p>
        ) : null}
        <TestMail campaign={campaign} />
      </div>
    </section>
  );
}

const added = (
  sums: Readonly<Record<string, number>>,
  more: Readonly<Record<string, number>>,
): Record<string, number> => {
  const total = { ...sums };
  for (const [rule, number] of Object.entries(more)) total[rule] = (total[rule] ?? 0) + number;
  return total;
};

function People(props: { campaign: CampaignDetail; state: string; moving: boolean }): ReactNode {
  const { campaign } = props;
  const state = RECIPIENT_STATES.find((one) => one === props.state) ?? "";
  const { data, error, reload, items, next, more } = usePages<Recipients, RecipientRow>({
    event: "campaign_recipients",
    question: { campaign: campaign.id, limit: PAGE, ...(state && { state }) },
    place: "after",
    everyMs: props.moving ? MOVING_MS * 5 : STILL_MS,
    itemsOf: (page) => page.recipients,
    keyOf: (recipient) => recipient.id,
  });
  return (
    <>
      <div className="filters">
        <Segments<RecipientState | "">
          label="Recipients"
          value={state}
          choose={(value) => {
            location.hash = href({ page: "campaigns", campaign: campaign.id, state: value });
          }}
          options={[
            { value: "", label: "All" },
            ...RECIPIENT_STATES.map((value) => ({
              value,
              label: humane(value),
              count: campaign.accounting[value],
            })),
          ]}
        />
      </div>
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Recipients">
        {data === null ? (
          error ? null : (
            <Waiting lines={5} />
          )
        ) : items.length === 0 ? (
          <Empty icon="users" title={state ? `Nobody is ${state}` : "Nobody yet"}>
            {campaign.gathered || campaign.audience === "import"
              ? null
              : "They are written down as it begins."}
          </Empty>
        ) : (
          <table className="recipients">
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Recipient</th>
                <th scope="col">Why</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <Row key={item.id} item={item} />
              ))}
            </tbody>
          </table>
        )}
        <More next={next} more={more}>
          More
        </More>
      </section>
    </>
  );
}

function Row({ item }: { item: RecipientRow }): ReactNode {
  const heard = item.state === "sent" && item.mail_state !== "sent" ? item.mail_state : null;
  const said = item.reason ?? item.decided_by ?? heard;
  return (
    <tr>
      <td>
        <Chip tone={TONES[item.state]}>{humane(item.state)}</Chip>
      </td>
      <td className="said">
        {item.user === null ? (
          <span className="soft">erased</span>
        ) : (
          <a className="row-link strong clip" href={href({ page: "users", user: item.user })}>
            {item.user}
          </a>
        )}
        <span className="under clip">{item.address}</span>
      </td>
      <td className="reason soft">
        <span className="clip-2" title={item.reason ?? undefined}>
          {said ?? (item.clicked_at ? null : "–")}
          {item.clicked_at ? (
            <>
              {said ? ", " : null}clicked <Ago time={item.clicked_at} />
            </>
          ) : null}
        </span>
      </td>
      <td className="soft nowrap">
        <Ago time={item.updated_at} />
      </td>
    </tr>
  );
}
