import { type ReactNode, useState } from "react";
import { grouped } from "../catalog.ts";
import type { Errors } from "../judge.ts";
import type { TypeDetail, Types } from "../protocol.ts";
import type { Json } from "../schema.ts";
import { Field, Switch } from "../ui/field.tsx";
import { Catalogued, MailFields, Words, type Writing } from "./composewords.tsx";

/** What is to be sent, to whom, and how; of a type of the catalog its data, and else its words. */
export function ComposeForm(
  props: Writing & {
    errors: Errors;
    types: Types | null;
    /** Whether it is not known yet what types there are. */
    loading: boolean;
    detail: TypeDetail | null;
    form: Json;
    submit: () => void;
    ready: boolean;
    note: string;
    act: string;
  },
): ReactNode {
  const { draft, set, wrong, detail } = props;
  return (
    <form
      className="card form"
      onSubmit={(event) => {
        event.preventDefault();
        if (props.ready) props.submit();
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
      {props.loading ? <TypeWaits type={draft.type} /> : <TypeChoice {...props} types={props.types} />}
      {detail === null ? (
        <>
          <Words {...props} />
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
            on={draft.mail === "yes"}
            set={(on) => set("mail", on ? "yes" : "default")}
          />
        </>
      ) : (
        <Catalogued {...props} detail={detail} />
      )}
      {draft.mail === "yes" ? <MailFields {...props} errors={props.errors} /> : null}
      <Switch
        label="Keep it"
        note="In the history until it is read. Off: only who is connected now gets it"
        on={draft.keep}
        set={(on) => set("keep", on)}
      />
      <footer className="form-foot">
        <span className="soft">{props.note}</span>
        <button type="submit" className="button primary" disabled={!props.ready}>
          {props.act}
        </button>
      </footer>
    </form>
  );
}

function TypeWaits({ type }: { type: string }): ReactNode {
  return (
    <Field label="Type" error={null}>
      {(given) => (
        <select {...given} disabled>
          <option>{type}</option>
        </select>
      )}
    </Field>
  );
}

const ANOTHER = "";

/** The catalog's types by category, and any other; without a catalog, a name. */
function TypeChoice(props: Writing & { types: Types | null }): ReactNode {
  const { draft, set, wrong, types } = props;
  const [writing, setWriting] = useState(false);
  const groups = types ? grouped(types).filter(({ key }) => key) : [];
  const known = types?.types[draft.type]?.known === true;
  const free = writing || !known;
  return (
    <>
      {groups.length ? (
        <Field label="Type" error={free ? null : wrong("type")}>
          {(given) => (
            <select
              {...given}
              value={free ? ANOTHER : draft.type}
              onChange={(event) => {
                setWriting(event.target.value === ANOTHER);
                if (event.target.value !== ANOTHER) set("type", event.target.value);
              }}
            >
              {groups.map(({ key, name, types: some }) => (
                <optgroup key={key} label={name}>
                  {some.map(([type]) => (
                    <option key={type}>{type}</option>
                  ))}
                </optgroup>
              ))}
              <option value={ANOTHER}>Another type…</option>
            </select>
          )}
        </Field>
      ) : null}
      {groups.length === 0 || free ? (
        <Field label={groups.length ? "Name of the type" : "Type"} error={wrong("type")}>
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
      ) : null}
    </>
  );
}
