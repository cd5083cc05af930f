import { type ReactNode, useEffect, useId, useMemo, useState } from "react";
import { refusal, useDesk, useUrgent } from "../context.tsx";
import { BLANK, bodyOf, type Draft, errorOf, PATTERNS, roomsOf } from "../draft.ts";
import type { Emitted, Preview, RoomPreview } from "../protocol.ts";
import { href, userOf } from "../route.ts";
import { Ago, Chip, Empty, Heading, TypeChip, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { MailView } from "../ui/mailview.tsx";
import { toast } from "../ui/toast.tsx";
import { plural } from "../words.ts";

type Errors = Record<string, string[]>;
interface Checked {
  question: string;
  preview: Preview | null;
  errors: Errors;
  problem: string | null;
}

const UNCHECKED: Checked = { question: "", preview: null, errors: {}, problem: null };
const MANY = 20;

export function Compose(props: { to: string }): ReactNode {
  const { gateway } = useDesk();
  const [draft, setDraft] = useState<Draft>({ ...BLANK, to: props.to });
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState(false);
  const [sending, setSending] = useState(false);
  const { body, errors: own } = useMemo(() => bodyOf(draft), [draft]);
  const checked = useCheck(body, Object.keys(own).length === 0);
  const errors = { ...checked.errors, ...own };
  const sound = Object.keys(errors).length === 0 && checked.problem === null && checked.preview !== null;
  const rooms = roomsOf(draft.to);

  const set = <K extends keyof Draft>(name: K, value: Draft[K]) => {
    setDraft((before) => ({ ...before, [name]: value }));
    setTouched((before) => new Set(before).add(name));
  };
  // A field is told what is wrong once it was touched, not while it still waits for its first letter.
  const wrong = (name: keyof Draft, field: string = name): string | null =>
    touched.has(name) ? errorOf(errors, field) : null;

  const send = async () => {
    setSending(true);
    try {
      const { notifications } = await gateway.ask<Emitted>("emit", body);
      toast(
        notifications.length > 1 ? `Sent to ${notifications.length} rooms` : `Sent to ${rooms[0]}`,
        "good",
        {
          label: "Open the feed",
          href: href({ page: "feed", room: "" }),
        },
      );
      setTouched(new Set());
      setDraft((before) => ({ ...BLANK, to: before.to, type: before.type }));
    } finally {
      setSending(false);
    }
  };
  const submit = () => {
    if (rooms.includes("all") || rooms.length > MANY) setAsking(true);
    else send().catch((error: unknown) => toast(refusal(error).message, "bad"));
  };

  return (
    <>
      <Heading title="Compose" note="Send a notification, and see first what will happen">
        <label className="select">
          <span className="unseen">Start from a pattern</span>
          <select
            value=""
            onChange={(event) => {
              const pattern = PATTERNS.find(({ name }) => name === event.target.value);
              if (!pattern) return;
              setDraft((before) => ({ ...BLANK, to: before.to, ...pattern.draft }));
              setTouched(new Set());
            }}
          >
            <option value="">Start from…</option>
            {PATTERNS.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </Heading>
      <div className="compose">
        <form
          className="card form"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Field
            label="To"
            hint="Rooms with commas between: user:ann, topic:deals, admins, all"
            error={wrong("to")}
          >
            {(given) => (
              <input
                {...given}
                value={draft.to}
                placeholder="user:ann"
                onChange={(event) => set("to", event.target.value)}
                autoComplete="off"
              />
            )}
          </Field>
          <div className="pair">
            <Field label="Type" error={wrong("type")}>
              {(given) => (
                <input
                  {...given}
                  className="mono"
                  value={draft.type}
                  maxLength={64}
                  onChange={(event) => set("type", event.target.value.toUpperCase().replaceAll(" ", "_"))}
                />
              )}
            </Field>
            <Field label="Link" error={wrong("link")}>
              {(given) => (
                <input
                  {...given}
                  value={draft.link}
                  placeholder="/orders/1234"
                  onChange={(event) => set("link", event.target.value)}
                />
              )}
            </Field>
          </div>
          <Field label="Title" error={wrong("title")}>
            {(given) => (
              <input
                {...given}
                value={draft.title}
                maxLength={200}
                onChange={(event) => set("title", event.target.value)}
              />
            )}
          </Field>
          <Field label="Text" note={`${draft.body.length} / 4000`} error={wrong("body")}>
            {(given) => (
              <textarea
                {...given}
                rows={4}
                value={draft.body}
                maxLength={4000}
                onChange={(event) => set("body", event.target.value)}
              />
            )}
          </Field>
          <Field
            label="Data"
            hint="A JSON object for the pages and the mail's template"
            error={wrong("data")}
          >
            {(given) => (
              <textarea
                {...given}
                className="mono"
                rows={draft.data.includes("\n") ? 8 : 2}
                value={draft.data}
                placeholder='{"order": 1234}'
                spellCheck={false}
                onChange={(event) => set("data", event.target.value)}
              />
            )}
          </Field>
          <Switch
            label="Mail it too"
            note="For user rooms: to the address last seen in their token, or to another"
            on={draft.mail}
            set={(on) => set("mail", on)}
          />
          {draft.mail ? (
            <div className="inset">
              {errorOf(errors, "email") && !errorOf(errors, "email.to") ? (
                <p className="problem">{errorOf(errors, "email")}</p>
              ) : null}
              <div className="pair">
                <Field label="Address" error={wrong("mailTo", "email.to")}>
                  {(given) => (
                    <input
                      {...given}
                      value={draft.mailTo}
                      placeholder="their own"
                      autoComplete="off"
                      onChange={(event) => set("mailTo", event.target.value)}
                    />
                  )}
                </Field>
                <Field label="Subject" error={wrong("subject", "email.subject")}>
                  {(given) => (
                    <input
                      {...given}
                      value={draft.subject}
                      placeholder="the title"
                      onChange={(event) => set("subject", event.target.value)}
                    />
                  )}
                </Field>
              </div>
              <div className="pair">
                <Field label="After minutes" error={wrong("afterMinutes", "email.after")}>
                  {(given) => (
                    <input
                      {...given}
                      inputMode="decimal"
                      value={draft.afterMinutes}
                      placeholder="0"
                      onChange={(event) => set("afterMinutes", event.target.value)}
                    />
                  )}
                </Field>
                <Field label="Unless by then it was" error={wrong("unless", "email.unless")}>
                  {(given) => (
                    <select
                      {...given}
                      value={draft.unless}
                      onChange={(event) => set("unless", event.target.value as Draft["unless"])}
                    >
                      <option value="">(always send)</option>
                      <option value="read">read</option>
                      <option value="seen">seen</option>
                      <option value="online">shown: they are online</option>
                    </select>
                  )}
                </Field>
              </div>
            </div>
          ) : null}
          <Switch
            label="Keep it"
            note="In the history until it is read. Off: only who is connected now gets it"
            on={draft.keep}
            set={(on) => set("keep", on)}
          />
          <footer className="form-foot">
            <span className="soft">{sound ? reach(checked.preview) : ""}</span>
            <button type="submit" className="button primary" disabled={!sound || sending}>
              {sending ? "Sending…" : "Send"}
            </button>
          </footer>
        </form>
        <Outcome draft={draft} checked={checked} errors={errors} />
      </div>
      {asking ? (
        <Confirm
          title={rooms.includes("all") ? "Send to everyone?" : `Send to ${rooms.length} rooms?`}
          act="Send"
          close={() => setAsking(false)}
          run={send}
        >
          <p>
            “{draft.title}”{" "}
            {rooms.includes("all") ? "goes to every user, online or not." : "goes to all of them."}
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

/** Has the gateway judge the body, a moment after the last change. */
function useCheck(body: object, ready: boolean): Checked {
  const { gateway } = useDesk();
  const question = ready ? JSON.stringify(body) : "";
  const [checked, setChecked] = useState<Checked>(UNCHECKED);
  useEffect(() => {
    if (question === "") {
      setChecked(UNCHECKED);
      return;
    }
    let current = true;
    const timer = setTimeout(() => {
      gateway.ask<Preview>("preview", JSON.parse(question) as object).then(
        (preview) => current && setChecked({ question, preview, errors: {}, problem: null }),
        (error: unknown) => {
          if (!current) return;
          const { errors, message } = refusal(error);
          const problem = Object.keys(errors).length ? null : message;
          setChecked({ question, preview: null, errors, problem });
        },
      );
    }, 300);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [gateway, question]);
  // What was found out about an earlier draft must not let this one through.
  return checked.question === question ? checked : { ...checked, preview: null };
}

function Outcome(props: { draft: Draft; checked: Checked; errors: Errors }): ReactNode {
  const { draft, checked } = props;
  const urgent = useUrgent(draft.type);
  const blank = !draft.to.trim() || !draft.title;
  const general = checked.errors[""]?.join(" ") ?? checked.problem;
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
        {checked.preview ? (
          <ul className="rooms">
            {checked.preview.rooms.map((room) => (
              <Room key={room.room} room={room} keep={draft.keep} />
            ))}
            {checked.preview.more ? (
              <li className="soft">and {plural(checked.preview.more, "more room")}</li>
            ) : null}
          </ul>
        ) : blank ? (
          <Empty icon="eye" title="Nothing to send yet">
            Say where it goes and give it a title, or start from a pattern.
          </Empty>
        ) : Object.keys(props.errors).length ? (
          <ul className="wrongs">
            {Object.entries(props.errors).map(([field, texts]) => (
              <li key={field}>
                {field ? <b className="mono">{field}</b> : null} {texts.join(" ")}
              </li>
            ))}
          </ul>
        ) : general ? null : (
          <Waiting lines={3} />
        )}
      </section>
      {draft.title ? (
        <section className="card" aria-labelledby="shown">
          <header className="card-head">
            <h2 id="shown">On screen</h2>
          </header>
          <div className="sample">
            <span className="sample-icon">
              <Icon name={urgent ? "alert" : "bell"} />
            </span>
            <div className="sample-words">
              <p className="strong">{draft.title}</p>
              {draft.body ? <p className="soft prose">{draft.body}</p> : null}
              <p className="line">
                <TypeChip type={draft.type || "TYPE"} />
                {draft.link ? <span className="mono soft clip">{draft.link}</span> : null}
              </p>
            </div>
          </div>
        </section>
      ) : null}
      {checked.preview?.mail ? <MailView mail={checked.preview.mail} /> : null}
    </div>
  );
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
        {room.mail_to ? (
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

function reach(preview: Preview | null): string {
  const known =
    preview?.rooms.flatMap(({ connections }) => (connections === null ? [] : [connections])) ?? [];
  if (known.length === 0) return "";
  return `${plural(
    known.reduce((total, one) => total + one, 0),
    "connection",
  )} right now`;
}

interface Given {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

function Field(props: {
  label: string;
  hint?: string;
  note?: string;
  error: string | null;
  children: (given: Given) => ReactNode;
}): ReactNode {
  const id = useId();
  const said = props.error ?? props.hint;
  return (
    <div className="field">
      <span className="label">
        <label htmlFor={id}>{props.label}</label>
        {props.note ? <span className="soft">{props.note}</span> : null}
      </span>
      {props.children({
        id,
        "aria-invalid": props.error !== null,
        "aria-describedby": said ? `${id}-said` : undefined,
      })}
      {said ? (
        <span id={`${id}-said`} className={props.error ? "problem" : "hint"}>
          {said}
        </span>
      ) : null}
    </div>
  );
}

function Switch(props: { label: string; note: string; on: boolean; set: (on: boolean) => void }): ReactNode {
  return (
    <label className="switch">
      <input type="checkbox" checked={props.on} onChange={(event) => props.set(event.target.checked)} />
      <span>
        <span className="label">{props.label}</span>
        <span className="hint">{props.note}</span>
      </span>
    </label>
  );
}
