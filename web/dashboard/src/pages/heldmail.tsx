import { type ReactNode, useState } from "react";
import { More, usePages } from "../paging.tsx";
import type { MailPage, MailRecord } from "../protocol.ts";
import { Chip, Empty, Failed, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { humane } from "../words.ts";
import { Details } from "./details.tsx";
import { Acts, type Asking, Due, PAGED, Room, WaitingList } from "./waitinglist.tsx";

const mailOf = (page: MailPage): readonly MailRecord[] => page.mail;

/** Mail that waits until its reader wants it. */
export function HeldMail({ ask }: { ask: (asking: Asking) => void }): ReactNode {
  const { data, error, reload, items, next, more } = usePages({ ...PAGED, event: "held", itemsOf: mailOf });
  const [open, setOpen] = useState<string | null>(null);
  return (
    <section className="card" aria-labelledby="held">
      <header className="card-head">
        <h2 id="held">Held mail</h2>
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <Waiting lines={4} />
        )
      ) : items.length ? (
        <WaitingList heads={["Held until", "Mail", "Why"]}>
          {items.map((item) => (
            <Row key={item.id} item={item} ask={ask} open={setOpen} />
          ))}
        </WaitingList>
      ) : (
        <Empty icon="moon" title="No mail is held">
          Mail that is due in its reader's quiet hours waits here.
        </Empty>
      )}
      <More next={next} more={more}>
        <Icon name="next" />
        Later ones
      </More>
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </section>
  );
}

function Row(props: {
  item: MailRecord;
  ask: (asking: Asking) => void;
  open: (id: string) => void;
}): ReactNode {
  const { item } = props;
  const title = item.mail?.subject ?? item.title;
  return (
    <tr>
      <Due time={item.mail?.due_at ?? item.created_at} />
      <td className="said">
        <button type="button" className="row-link strong clip" dir="auto" onClick={() => props.open(item.id)}>
          {title}
        </button>
        <span className="under clip">
          {item.mail?.to} <Room room={item.room} />
        </span>
      </td>
      <td className="reason">
        <Chip tone="warn">{humane(item.mail?.decided_by ?? "")}</Chip>
      </td>
      <Acts of="mail" id={item.id} title={title} ask={props.ask} />
    </tr>
  );
}
