import { type ReactNode, useId, useState } from "react";
import { refusal, useDesk } from "../context.tsx";
import type { CampaignDetail, DryRun } from "../protocol.ts";
import { toast } from "../ui/toast.tsx";
import { figure, plural } from "../words.ts";
import { TestMail } from "./testmail.tsx";

type Counted = Omit<DryRun, "next">;
type Sums = Readonly<Record<string, number>>;

/** What is done before a start: filling it, counting, a look into one's own mailbox. */
export function BeforeStart({ campaign }: { campaign: CampaignDetail }): ReactNode {
  const title = useId();
  const { counted, busy, count } = useDryRun(campaign.id);
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

/** What would become of each recipient now; the gateway tells it part by part, and so it is shown. */
function useDryRun(campaign: string): { counted: Counted | null; busy: boolean; count: () => Promise<void> } {
  const { gateway } = useDesk();
  const [counted, setCounted] = useState<Counted | null>(null);
  const [busy, setBusy] = useState(false);
  const count = async () => {
    setBusy(true);
    try {
      let total: Counted = { looked_at: 0, send: 0, dead: 0, later: {}, skipped: {} };
      for (let after: string | null | undefined; after !== null; ) {
        const part: DryRun = await gateway.ask<DryRun>("campaign_dry_run", {
          campaign,
          ...(after && { after }),
        });
        total = together(total, part);
        setCounted(total);
        after = part.next;
      }
    } catch (failure) {
      toast(refusal(failure).message, "bad");
    }
    setBusy(false);
  };
  return { counted, busy, count };
}

const together = (total: Counted, part: DryRun): Counted => ({
  looked_at: total.looked_at + part.looked_at,
  send: total.send + part.send,
  dead: total.dead + part.dead,
  later: added(total.later, part.later),
  skipped: added(total.skipped, part.skipped),
});

function added(sums: Sums, more: Sums): Record<string, number> {
  const total = { ...sums };
  for (const [rule, number] of Object.entries(more)) total[rule] = (total[rule] ?? 0) + number;
  return total;
}
