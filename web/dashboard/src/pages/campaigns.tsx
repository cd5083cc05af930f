import type { ReactNode } from "react";
import { For } from "../may.tsx";
import { More, usePages } from "../paging.tsx";
import type { Campaign, Campaigns } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, CampaignChip, Empty, Failed, Heading, TypeChip, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { OneCampaign } from "./campaign.tsx";
import { NewCampaign } from "./newcampaign.tsx";

const EVERY_MS = 5_000;
const NEW = "new";

export function CampaignsPage(props: { campaign: string | null; state: string }): ReactNode {
  if (props.campaign === null) return <All />;
  if (props.campaign === NEW) return <NewCampaign />;
  return <OneCampaign key={props.campaign} id={props.campaign} state={props.state} />;
}

function All(): ReactNode {
  const { data, error, reload, items, next, more } = usePages<Campaigns, Campaign>({
    event: "campaigns",
    question: { limit: 50 },
    place: "before",
    everyMs: EVERY_MS,
    itemsOf: (page) => page.campaigns,
    keyOf: (campaign) => campaign.id,
  });
  return (
    <>
      <Heading title="Campaigns" note="One thing to many people, and what became of each">
        <For event="create_campaign">
          <a className="button primary" href={href({ page: "campaigns", campaign: NEW, state: "" })}>
            <Icon name="plus" />
            New campaign
          </a>
        </For>
      </Heading>
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Campaigns">
        {data === null ? (
          error ? null : (
            <Waiting lines={5} />
          )
        ) : items.length === 0 ? (
          <Empty icon="campaign" title="No campaign yet">
            A newsletter is one, to those you import, to a topic, or to all who are known.
          </Empty>
        ) : (
          <table className="campaigns">
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Campaign</th>
                <th scope="col">Type</th>
                <th scope="col">Made</th>
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
          Older
        </More>
      </section>
    </>
  );
}

function Row({ item }: { item: Campaign }): ReactNode {
  return (
    <tr>
      <td>
        <CampaignChip state={item.state} />
      </td>
      <td className="said">
        <a
          className="row-link strong clip"
          dir="auto"
          href={href({ page: "campaigns", campaign: item.id, state: "" })}
        >
          {item.name}
        </a>
        <span className="under clip">{item.reason ?? when(item)}</span>
      </td>
      <td>
        <TypeChip type={item.type} />
      </td>
      <td className="soft nowrap">
        <Ago time={item.created_at} />
        <span className="under clip">by {item.by.replace(/^(user|service):/, "")}</span>
      </td>
    </tr>
  );
}

function when(item: Campaign): ReactNode {
  if (item.ended_at) {
    return (
      <>
        {item.state} <Ago time={item.ended_at} />
      </>
    );
  }
  if (item.started_at) {
    return (
      <>
        began <Ago time={item.started_at} />
      </>
    );
  }
  if (item.send_at) {
    return (
      <>
        begins <Ago time={item.send_at} />
      </>
    );
  }
  return "not started";
}
