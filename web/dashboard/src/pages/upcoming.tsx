import type { ReactNode } from "react";
import { More, usePages } from "../paging.tsx";
import type { Scheduled, SchedulePage } from "../protocol.ts";
import { Empty, Failed, TypeChip, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { humane } from "../words.ts";
import { Acts, type Asking, Due, PAGED, Room, WaitingList } from "./waitinglist.tsx";

const scheduledOf = (page: SchedulePage): readonly Scheduled[] => page.scheduled;

const MISSED: Readonly<Record<NonNullable<Scheduled["missed"]>, string>> = {
  late: "Nobody came to it in its time",
  restored: "Asked before the store was put back: it may have been emitted then",
  refused: "It cannot be emitted as it was asked: the log of the node says why",
};

/** What was not emitted when it was due: it comes only if somebody says so. */
export function Missed({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { items, next, more } = usePages({
    ...PAGED,
    event: "scheduled",
    question: { ...PAGED.question, missed: true },
    itemsOf: scheduledOf,
  });
  if (!items.length) return null;
  return (
    <section className="card below" aria-labelledby="missed">
      <header className="card-head">
        <h2 id="missed">Missed</h2>
      </header>
      <WaitingList heads={["Was due", "Notification", "Why"]}>
        {items.map((item) => (
          <Row key={item.id} item={item} ask={ask}>
            {item.missed ? MISSED[item.missed] : ""}
          </Row>
        ))}
      </WaitingList>
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
    </section>
  );
}

/** What is emitted at a time to come. */
export function Upcoming({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { data, error, reload, items, next, more } = usePages({
    ...PAGED,
    event: "scheduled",
    itemsOf: scheduledOf,
  });
  return (
    <section className="card below" aria-labelledby="later">
      <header className="card-head">
        <h2 id="later">To be emitted</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={4} />
        )
      ) : items.length ? (
        <WaitingList heads={["Due", "Notification", "By"]}>
          {items.map((item) => (
            <Row key={item.id} item={item} ask={ask}>
              <span className="clip">{item.by}</span>
              {item.cancel_key ? <span className="under clip">key {item.cancel_key}</span> : null}
            </Row>
          ))}
        </WaitingList>
      ) : (
        <Empty icon="clock" title="Nothing is scheduled">
          An emit with <code>send_at</code> waits here for its time.
        </Empty>
      )}
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
    </section>
  );
}

/** `children` say by whom it is, or why it is still here. */
function Row(props: { item: Scheduled; ask: (asking: Asking) => void; children: ReactNode }): ReactNode {
  const { item } = props;
  const title = item.title ?? humane(item.type);
  return (
    <tr>
      <Due time={item.scheduled_for} />
      <td className="said">
        <span className="strong clip" dir="auto">
          {title}
        </span>
        <span className="under clip">
          <TypeChip type={item.type} /> <Room room={item.room} />
        </span>
      </td>
      <td className="soft reason">{props.children}</td>
      <Acts of="scheduled" id={item.id} title={title} ask={props.ask} />
    </tr>
  );
}
