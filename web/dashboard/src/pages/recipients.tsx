import type { ReactNode } from "react";
import { More, usePages } from "../paging.tsx";
import {
  type CampaignDetail,
  RECIPIENT_STATES,
  type RecipientRow,
  type RecipientState,
  type Recipients,
} from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Chip, Empty, Failed, Segments, type Tone, Waiting } from "../ui/bits.tsx";
import { humane } from "../words.ts";

const PAGE = 50;

const TONES: Record<RecipientState, Tone> = {
  pending: "plain",
  owed: "accent",
  sent: "good",
  skipped: "warn",
  dead: "bad",
  cancelled: "plain",
};

/** Those a campaign goes to, and what became of each. */
export function RecipientList(props: {
  campaign: CampaignDetail;
  state: string;
  everyMs: number;
}): ReactNode {
  const { campaign } = props;
  const state = RECIPIENT_STATES.find((one) => one === props.state) ?? "";
  const { data, error, reload, items, next, more } = usePages<Recipients, RecipientRow>({
    event: "campaign_recipients",
    question: { campaign: campaign.id, limit: PAGE, ...(state && { state }) },
    place: "after",
    everyMs: props.everyMs,
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
