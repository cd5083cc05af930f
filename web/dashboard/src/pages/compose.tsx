import { type ReactNode, useMemo, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { BLANK, bodyOf, type Draft, errorOf, PATTERNS, roomsOf } from "../draft.ts";
import { useJudged } from "../judge.ts";
import type { Emitted, Preview, Roster, TypeDetail, TypePreview, Types } from "../protocol.ts";
import { feedOf, href } from "../route.ts";
import { Heading } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { toast } from "../ui/toast.tsx";
import { plural } from "../words.ts";
import { ComposeForm } from "./composeform.tsx";
import { Outcome } from "./outcome.tsx";

const MANY = 20;

export function Compose(props: { to: string; type: string }): ReactNode {
  const { gateway } = useDesk();
  const [draft, setDraft] = useState<Draft>({ ...BLANK, to: props.to, type: props.type || BLANK.type });
  const [touched, setTouched] = useState<ReadonlySet<keyof Draft>>(new Set());
  const [asking, setAsking] = useState(false);
  const [sending, setSending] = useState(false);
  const { data: types, loading } = useAsk<Types>("types", {});
  const detail = useDetail(draft.type, types);
  const form = useForm(draft, detail);
  const { body, errors: own } = useMemo(() => bodyOf(draft, form), [draft, form]);
  const begun = touched.size > 0 || (draft.to.trim() !== "" && (form !== undefined || draft.title !== ""));
  const emit = useJudged<Preview>("preview", begun ? body : null);
  const shown = useJudged<TypePreview>(
    "preview_type",
    form === undefined
      ? null
      : { type: draft.type, data: form, ...(draft.locale && { locale: draft.locale }) },
  );
  const errors = { ...emit.errors, ...shown.errors, ...own };
  const sound =
    begun && emit.settled && emit.answer !== null && Object.keys(errors).length === 0 && shown.settled;
  const rooms = roomsOf(draft.to);
  const title = draft.title || shown.answer?.item?.title || shown.answer?.mail?.subject || "";

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
          href: href(feedOf("")),
        },
      );
      setTouched(new Set());
      setDraft((before) => ({ ...BLANK, to: before.to, type: before.type, filled: before.filled }));
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
        <Patterns
          known={types?.types ?? {}}
          choose={(pattern) => {
            setDraft((before) => ({ ...BLANK, to: before.to, ...pattern }));
            setTouched(new Set());
          }}
        />
      </Heading>
      <div className="compose">
        <ComposeForm
          draft={draft}
          set={set}
          wrong={wrong}
          errors={errors}
          types={types}
          loading={loading}
          detail={detail}
          form={form}
          submit={submit}
          ready={sound && !sending}
          note={sound ? reach(emit.answer) : ""}
          act={sending ? "Sending…" : "Send"}
        />
        <Outcome
          draft={draft}
          emit={emit}
          shown={form === undefined ? null : shown}
          errors={errors}
          touched={touched}
          blank={roomsOf(draft.to).length === 0 || (form === undefined && !draft.title)}
        />
      </div>
      {asking ? (
        <Confirm
          title={rooms.includes("all") ? "Send to everyone?" : `Send to ${rooms.length} rooms?`}
          act="Send"
          close={() => setAsking(false)}
          run={send}
        >
          <p>
            “{title}” {rooms.includes("all") ? "goes to every user, online or not." : "goes to all of them."}
          </p>
          {rooms.includes("all") ? <HowMany /> : null}
        </Confirm>
      ) : null}
    </>
  );
}

/** The type in full, when the catalog has it. */
function useDetail(name: string, types: Types | null): TypeDetail | null {
  const known = types?.types[name]?.known === true;
  return useAsk<TypeDetail>("type", known ? { type: name } : null).data;
}

/** The data of a type of the catalog: what was filled in for it, and before that its first example. */
function useForm(draft: Draft, detail: TypeDetail | null): unknown {
  const { filled } = draft;
  if (detail === null) return undefined;
  return filled?.type === detail.type ? filled.value : (detail.examples[0] ?? NOTHING);
}

const NOTHING = {};

/** Patterns of types that the catalog has not: for those that it has, it has examples. */
function Patterns(props: { known: Types["types"]; choose: (pattern: Partial<Draft>) => void }): ReactNode {
  const offered = PATTERNS.filter(({ draft }) => !props.known[draft.type ?? ""]?.known);
  return (
    <label className="select">
      <span className="unseen">Start from a pattern</span>
      <select
        value=""
        onChange={(event) => {
          const pattern = offered.find(({ name }) => name === event.target.value);
          if (pattern) props.choose(pattern.draft);
        }}
      >
        <option value="">Start from…</option>
        {offered.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** How many are here now; how many there are in all, only the shop knows. */
function HowMany(): ReactNode {
  const { data } = useAsk<Roster>("presence", { limit: 1 });
  return (
    <p className="strong" role="status">
      {data
        ? `${plural(data.users, "person", "people")} ${data.users === 1 ? "is" : "are"} online and will see it at once.`
        : "Counting who is online…"}
    </p>
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
