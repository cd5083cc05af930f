import { type ReactNode, useMemo } from "react";
import type { Draft } from "../draft.ts";
import type { Errors, Judged } from "../judge.ts";
import type { Preview, RoomPreview, TypeItem, TypePreview } from "../protocol.ts";
import { userOf } from "../route.ts";
import { sentence } from "../schema.ts";
import { Ago, Chip, Empty, TypeChip, Waiting } from "../ui/bits.tsx";
import { InboxItem } from "../ui/inboxitem.tsx";
import { MailView } from "../ui/mailview.tsx";
import { plural } from "../words.ts";

/** The fields of the emit that a field of the page stands for. */
const FIELDS: Partial<Record<keyof Draft, string>> = {
  filled: "/data",
  mail: "email",
  mailTo: "email",
  subject: "email",
  afterMinutes: "email",
  unless: "email",
};

/** What will come of a draft: whom it reaches, how it looks, and all that is wrong with it. */
export function Outcome(props: {
  draft: Draft;
  emit: Judged<Preview>;
  /** How the catalog's type reads; null of a type that is not in it. */
  shown: Judged<TypePreview> | null;
  errors: Errors;
  touched: ReadonlySet<keyof Draft>;
  /** It does not say yet what to send, or to whom. */
  blank: boolean;
}): ReactNode {
  const { draft, emit, shown, blank } = props;
  const wrongs = Object.entries(props.errors).filter(
    ([field]) => field !== "" && (!blank || isTouched(field, props.touched)),
  );
  const general = props.errors[""]?.join(" ") ?? emit.problem ?? (emit.answer ? null : shown?.problem);
  const item = useItem(draft, shown);
  return (
    <div className="outcome">
      <section className="card" aria-labelledby="outcome">
        <header className="card-head">
          <h2 id="outcome">What will happen</h2>
        </header>
        {general ? (
          <p className="problem" role="alert">
            {general}
          </p>
        ) : null}
        {wrongs.length ? (
          <ul className="wrongs">
            {wrongs.map(([field, texts]) => (
              <li key={field}>
                <b className="mono">{field.replace(/^\/data\//, "").replaceAll("/", " › ")}</b>{" "}
                {texts.map(sentence).join(" ")}
              </li>
            ))}
          </ul>
        ) : emit.answer && !blank ? (
          <ul className="rooms" aria-busy={!emit.settled}>
            {emit.answer.rooms.map((room) => (
              <Room key={room.room} room={room} keep={draft.keep} />
            ))}
            {emit.answer.more ? <li className="soft">and {plural(emit.answer.more, "more room")}</li> : null}
          </ul>
        ) : blank ? (
          <Empty icon="eye" title="Nothing to send yet">
            {shown ? "Say where it goes." : "Say where it goes and give it a title, or start from a pattern."}
          </Empty>
        ) : general ? null : (
          <Waiting lines={3} />
        )}
      </section>
      {item ? (
        <section className="card" aria-labelledby="shown">
          <header className="card-head">
            <h2 id="shown">On screen</h2>
            <TypeChip type={draft.type || "TYPE"} />
          </header>
          <InboxItem item={item} />
        </section>
      ) : null}
      {emit.answer?.mail ? <MailView mail={emit.answer.mail} /> : null}
    </div>
  );
}

/** As the inbox gets it: the catalog's words, under those of the draft. */
function useItem(draft: Draft, shown: Judged<TypePreview> | null): TypeItem | null {
  const { type, title, body, link } = draft;
  const said = shown?.answer?.item ?? null;
  const isSilent = shown?.answer != null && said === null;
  return useMemo(() => {
    if (isSilent || (said === null && !title)) return null;
    return {
      type: type || "TYPE",
      category: said?.category ?? null,
      title: title || (said?.title ?? ""),
      body: body || (said?.body ?? ""),
      link: link.trim() || (said?.link ?? null),
    };
  }, [isSilent, said, type, title, body, link]);
}

function isTouched(field: string, touched: ReadonlySet<keyof Draft>): boolean {
  return [...touched].some((name) => {
    const stands = FIELDS[name] ?? name;
    return field === stands || field.startsWith(`${stands}.`) || field.startsWith(`${stands}/`);
  });
}

function Room({ room, keep }: { room: RoomPreview; keep: boolean }): ReactNode {
  const { connections } = room;
  const away = connections === 0;
  return (
    <li>
      <span className="line">
        <b className="mono clip">{room.room}</b>
        {connections === null ? (
          <Chip>{room.room === "admins" ? "All admins" : "Its members"}</Chip>
        ) : away ? (
          <Chip tone={keep ? "plain" : "warn"}>Away</Chip>
        ) : (
          <Chip tone="good">{plural(connections, "connection")}</Chip>
        )}
      </span>
      <span className="soft">
        {away && userOf(room.room) !== null
          ? keep
            ? "Waits in the history until they come."
            : "Nobody will get it: they are away, and it is not kept."
          : keep
            ? "Shown at once, and kept until it is read."
            : "Shown at once to who is connected; not kept."}
        {room.mail_to && room.verdict ? ` Mail ${room.verdict}.` : null}
        {room.mail_to && !room.verdict ? (
          <>
            {" "}
            Mail to <b>{room.mail_to}</b>
            {room.mail_due_at && Date.parse(room.mail_due_at) > Date.now() + 5_000 ? (
              <>
                , <Ago time={room.mail_due_at} />
              </>
            ) : (
              ", at once"
            )}
            .
          </>
        ) : null}
      </span>
      {room.problem ? <span className="problem">{room.problem}</span> : null}
    </li>
  );
}
