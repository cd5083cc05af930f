import { type ReactNode, useState } from "react";
import { useAsk, useDesk } from "../context.tsx";
import { useMay } from "../may.tsx";
import type { FullRecord, RenderedMail } from "../protocol.ts";
import { href, traceOf, userOf } from "../route.ts";
import { Ago, Chip, Fact, Failed, MailChip, TypeChip, Waiting } from "../ui/bits.tsx";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { MailView } from "../ui/mailview.tsx";
import { toast } from "../ui/toast.tsx";
import { humane, plural } from "../words.ts";

type Receipt = FullRecord["receipts"][string];
type RecordMail = NonNullable<FullRecord["mail"]>;

/** A mail may be delivered, or come back, while one looks. */
const EVERY_MS = 3_000;

/** Everything about one notification, in a drawer. */
export function Details({ id, close }: { id: string; close: () => void }): ReactNode {
  const { data, error, reload } = useAsk<{ notification: FullRecord }>("notification", { id }, EVERY_MS);
  const record = data?.notification;
  return (
    <Dialog title="Notification" shape="drawer" close={close}>
      {error ? <Failed error={error} retry={reload} /> : null}
      {record ? <Body record={record} reload={reload} close={close} /> : error ? null : <Waiting lines={8} />}
    </Dialog>
  );
}

/** What was heard of a mail after it was sent. */
const HEARD: Record<string, string> = {
  delivered: "Delivered",
  bounced: "Came back",
  complained: "Called spam",
};

function Heard({ mail }: { mail: RecordMail }): ReactNode {
  const label = HEARD[mail.state];
  return label === undefined ? null : (
    <Fact label={label}>
      <Ago time={mail.updated_at} />
    </Fact>
  );
}

function Body(props: { record: FullRecord; reload: () => void; close: () => void }): ReactNode {
  const { record, reload, close } = props;
  return (
    <div className="dialog-body">
      <div className="line">
        <TypeChip type={record.type} />
        {record.recalled_at ? <Chip tone="bad">Recalled</Chip> : null}
        {record.in_app ? null : <Chip>Mail only</Chip>}
      </div>
      {record.recalled_at ? (
        <p className="soft">Its text is gone; its place in the room stays.</p>
      ) : (
        <>
          <h3 className="record-title" dir="auto">
            {record.title}
          </h3>
          {record.body ? (
            <p className="prose" dir="auto">
              {record.body}
            </p>
          ) : null}
          {record.link ? <p className="mono clip">{record.link}</p> : null}
        </>
      )}
      <Facts record={record} close={close} />
      {Object.keys(record.data).length ? (
        <section>
          <h4>Data</h4>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre className="code" tabIndex={0}>
            {JSON.stringify(record.data, null, 2)}
          </pre>
        </section>
      ) : null}
      <Receipts receipts={Object.entries(record.receipts)} />
      {record.mail ? (
        <Mail mail={record.mail}>{record.recalled_at ? null : <StoredMail id={record.id} />}</Mail>
      ) : null}
      {record.recalled_at ? null : <Recall id={record.id} reload={reload} />}
    </div>
  );
}

function Facts({ record, close }: { record: FullRecord; close: () => void }): ReactNode {
  const user = userOf(record.room);
  return (
    <dl className="facts">
      <Fact label="Room">
        {user === null ? (
          <span className="mono">{record.room}</span>
        ) : (
          <a className="mono" href={href({ page: "users", user })}>
            {record.room}
          </a>
        )}
        {record.seq === null ? null : <span className="soft"> · number {record.seq}</span>}
      </Fact>
      <Fact label="Emitted">
        <Ago time={record.created_at} />
      </Fact>
      {record.expires_at ? (
        <Fact label="Expires">
          <Ago time={record.expires_at} />
        </Fact>
      ) : null}
      {record.superseded_by ? (
        <Fact label="Superseded by">
          <span className="mono small">{record.superseded_by}</span>
        </Fact>
      ) : null}
      {(record.collapsed ?? 1) > 1 ? (
        <Fact label="Stands for">{plural(record.collapsed as number, "update")}</Fact>
      ) : null}
      <Fact label="Id">
        <span className="mono small">{record.id}</span>
      </Fact>
      <Fact label="What happened">
        <a href={href(traceOf(record.id))} onClick={close}>
          Its trace
        </a>
      </Fact>
    </dl>
  );
}

/** How many of those who have seen it are named. */
const NAMED = 50;

function Receipts({ receipts }: { receipts: readonly [string, Receipt][] }): ReactNode {
  return (
    <section>
      <h4>Read</h4>
      {receipts.length ? (
        <ul className="receipts">
          {receipts.slice(0, NAMED).map(([who, receipt]) => {
            const [did, at] = lastOf(receipt);
            return (
              <li key={who}>
                <a className="mono clip" href={href({ page: "users", user: who })}>
                  {who}
                </a>
                <span className="soft nowrap">
                  {did ? (
                    <>
                      {did} <Ago time={at} />
                    </>
                  ) : null}
                </span>
              </li>
            );
          })}
          {receipts.length > NAMED ? (
            <li className="soft">and {plural(receipts.length - NAMED, "other")}</li>
          ) : null}
        </ul>
      ) : (
        <p className="soft">Nobody has seen it yet.</p>
      )}
    </section>
  );
}

/** What of all that one did with it says the most, and when it was. */
function lastOf(receipt: Receipt): [did: string, at: string] {
  if (receipt.acted) return [`Pressed ${receipt.acted}`, receipt.acted_at ?? ""];
  if (receipt.dismissed_at) return ["Dismissed", receipt.dismissed_at];
  if (receipt.archived_at) return ["Archived", receipt.archived_at];
  if (receipt.read_at) return ["Read", receipt.read_at];
  return receipt.seen_at ? ["Seen", receipt.seen_at] : ["", ""];
}

function Mail({ mail, children }: { mail: RecordMail; children: ReactNode }): ReactNode {
  return (
    <section>
      <h4>Mail</h4>
      <dl className="facts">
        <Fact label="State">
          <MailChip state={mail.state} />
        </Fact>
        <Fact label="To">{mail.to}</Fact>
        <Fact label="Attempts">{mail.attempts}</Fact>
        {mail.unless ? <Fact label="Unless">{humane(mail.unless)}</Fact> : null}
        {mail.reason ? (
          <Fact label="Reason">
            {mail.verdict ?? mail.reason}
            {mail.code === null ? "" : ` (${mail.code})`}
          </Fact>
        ) : null}
        {mail.lane === "bulk" ? <Fact label="Lane">Bulk</Fact> : null}
        {mail.relay_id ? <Fact label="Taken as">{mail.relay_id}</Fact> : null}
        {mail.state === "pending" ? (
          <Fact label="Due">
            <Ago time={mail.due_at} />
          </Fact>
        ) : null}
        {mail.sent_at ? (
          <Fact label="Sent">
            <Ago time={mail.sent_at} />
          </Fact>
        ) : null}
        <Heard mail={mail} />
      </dl>
      {children}
    </section>
  );
}

function Recall({ id, reload }: { id: string; reload: () => void }): ReactNode {
  const may = useMay();
  const { gateway } = useDesk();
  const [asking, setAsking] = useState(false);
  if (!may("recall")) return null;
  return (
    <>
      <footer className="dialog-foot">
        <button type="button" className="button danger-quiet" onClick={() => setAsking(true)}>
          Recall…
        </button>
      </footer>
      {asking ? (
        <Confirm
          title="Recall this notification?"
          act="Recall"
          danger
          close={() => setAsking(false)}
          run={async () => {
            await gateway.ask("recall", { id });
            toast("Recalled", "good");
            reload();
          }}
        >
          <p>It disappears from every screen and history, and mail that has not left yet is not sent.</p>
        </Confirm>
      ) : null}
    </>
  );
}

export function StoredMail({ id }: { id: string }): ReactNode {
  const { data, error, reload } = useAsk<RenderedMail>("preview_mail", { id });
  if (error) return <Failed error={error} retry={reload} />;
  return data ? <MailView mail={data} /> : <Waiting lines={5} />;
}
