import { type ReactNode, useState } from "react";
import { audienceOf } from "../campaign.ts";
import { refusal, useDesk } from "../context.tsx";
import type { CampaignDetail, CampaignState } from "../protocol.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { moment, plural } from "../words.ts";

/** What can be done with a campaign in each state. */
export const ACTS: Record<CampaignState, readonly string[]> = {
  draft: ["start", "cancel"],
  scheduled: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  finished: [],
  cancelled: [],
};

interface Acted {
  readonly campaign: CampaignDetail;
  /** Asks for it anew, once something was done with it. */
  readonly reload: () => void;
}

/** The buttons of a campaign; a start and a cancelling are asked about first. */
export function CampaignActs({ campaign, reload }: Acted): ReactNode {
  const { gateway } = useDesk();
  const [asked, setAsked] = useState<"start" | "cancel" | null>(null);
  const atOnce = (event: string) =>
    gateway
      .ask(event, { campaign: campaign.id })
      .then(reload)
      .catch((failure: unknown) => toast(refusal(failure).message, "bad"));
  const can = ACTS[campaign.state];
  const { dead } = campaign.accounting;
  return (
    <>
      {dead && (campaign.state === "finished" || campaign.state === "running") ? (
        <button type="button" className="button" onClick={() => void atOnce("retry_campaign")}>
          <Icon name="retry" />
          Try {plural(dead, "dead one", "dead ones")} again
        </button>
      ) : null}
      {can.includes("pause") ? (
        <button type="button" className="button" onClick={() => void atOnce("pause_campaign")}>
          <Icon name="pause" />
          Pause
        </button>
      ) : null}
      {can.includes("resume") ? (
        <button type="button" className="button primary" onClick={() => void atOnce("resume_campaign")}>
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
        <AskedToStart campaign={campaign} reload={reload} close={() => setAsked(null)} />
      ) : asked === "cancel" ? (
        <AskedToCancel campaign={campaign} reload={reload} close={() => setAsked(null)} />
      ) : null}
    </>
  );
}

function AskedToStart({ campaign, reload, close }: Acted & { close: () => void }): ReactNode {
  const { gateway } = useDesk();
  return (
    <Confirm
      title={`Start ${campaign.name}?`}
      act="Start"
      close={close}
      run={async () => {
        await gateway.ask("start_campaign", { campaign: campaign.id });
        reload();
      }}
    >
      <p>
        {campaign.audience === "import"
          ? `It goes to ${plural(campaign.accounting.imported, "recipient")}`
          : `It goes to ${audienceOf(campaign.audience)}`}
        {campaign.send_at ? `, at ${moment(campaign.send_at)}` : ", now"}. Mail that has left cannot be called
        back.
      </p>
    </Confirm>
  );
}

function AskedToCancel({ campaign, reload, close }: Acted & { close: () => void }): ReactNode {
  const { gateway } = useDesk();
  return (
    <Confirm
      title={`Cancel ${campaign.name}?`}
      act="Cancel the campaign"
      danger
      close={close}
      run={async () => {
        const { cancelled, under_way } = await gateway.ask<{ cancelled: number; under_way: number }>(
          "cancel_campaign",
          { campaign: campaign.id },
        );
        toast(
          `${plural(cancelled, "recipient gets", "recipients get")} nothing any more; ${plural(under_way, "mail was", "mails were")} being sent`,
        );
        reload();
      }}
    >
      <p>Nothing more of it leaves but the mails that are being sent right now. There is no way back.</p>
    </Confirm>
  );
}
