/** The fields of a form made from a JSON Schema that hold one value each. */

import { type ReactNode, useEffect, useState } from "react";
import type { Format, Json } from "../schema.ts";
import { Field, Switch } from "./field.tsx";
import { about, errorAt, hintOf, type Part, same } from "./schemapart.ts";

const TYPES: Record<Format, string> = {
  text: "text",
  long: "text",
  date: "date",
  time: "time",
  datetime: "datetime-local",
  email: "email",
  url: "url",
};

export function TextField(props: Part & { format: Format; longest: number | undefined }): ReactNode {
  const { form, value, path, format, longest } = props;
  const text = value === undefined || value === null ? "" : String(value);
  // One that may be left out is left out when there is nothing in it.
  const set = (next: string) => form.set(path, next === "" && !props.required ? undefined : next);
  const rows = Math.min(8, Math.max(2, text.split("\n").length, Math.ceil(text.length / 60)));
  const note = longest && text.length > longest / 2 ? `${text.length} / ${longest}` : null;
  if (format === "datetime") return <MomentField {...props} />;
  return (
    <Field {...about(props)} note={note}>
      {(given) =>
        format === "long" ? (
          <textarea {...given} rows={rows} value={text} onChange={(event) => set(event.target.value)} />
        ) : (
          <input
            {...given}
            type={TYPES[format]}
            value={text}
            autoComplete="off"
            onChange={(event) => set(event.target.value)}
          />
        )
      }
    </Field>
  );
}

/** A moment is chosen on the clock of who looks, and sent with its zone. */
function MomentField(props: Part): ReactNode {
  const { form, value, path } = props;
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return (
    <Field {...about(props)} note="your time">
      {(given) => (
        <input
          {...given}
          type="datetime-local"
          step={1}
          value={Number.isNaN(time) ? "" : local(time)}
          onChange={(event) => {
            const chosen = new Date(event.target.value);
            form.set(path, Number.isNaN(chosen.getTime()) ? undefined : chosen.toISOString());
          }}
        />
      )}
    </Field>
  );
}

/** As `datetime-local` writes it. */
function local(time: number): string {
  const shifted = time - new Date(time).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString().slice(0, 19);
}

export function NumberField(props: Part & { whole: boolean }): ReactNode {
  const { form, value, path, whole } = props;
  const [text, setText] = useState(value === undefined ? "" : String(value));
  // What was written stays as it was written ("1.0") until the value comes from elsewhere.
  useEffect(() => {
    setText((held) => (numberIn(held) === value ? held : value === undefined ? "" : String(value)));
  }, [value]);
  return (
    <Field {...about(props)}>
      {(given) => (
        <input
          {...given}
          inputMode={whole ? "numeric" : "decimal"}
          value={text}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            form.set(path, numberIn(event.target.value));
          }}
        />
      )}
    </Field>
  );
}

/** The number that was written; a text that is none stays a text, and the gateway says so. */
function numberIn(text: string): number | string | undefined {
  const held = text.trim();
  if (held === "") return undefined;
  const number = Number(held);
  return Number.isFinite(number) ? number : held;
}

export function ChoiceField(props: Part & { options: readonly Json[] }): ReactNode {
  const { form, value, path, options } = props;
  const chosen = options.findIndex((option) => same(option, value));
  return (
    <Field {...about(props)}>
      {(given) => (
        <select
          {...given}
          value={chosen}
          onChange={(event) => form.set(path, options[Number(event.target.value)])}
        >
          {chosen < 0 || !props.required ? (
            <option value={-1}>{value === undefined || chosen >= 0 ? "–" : JSON.stringify(value)}</option>
          ) : null}
          {options.map((option, index) => (
            <option key={JSON.stringify(option)} value={index}>
              {typeof option === "string" ? option : JSON.stringify(option)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function FlagField(props: Part): ReactNode {
  const { form, value, path } = props;
  const error = errorAt(props);
  return (
    <div className="field">
      <Switch
        label={props.label}
        note={hintOf(props)}
        on={value === true}
        set={(on) => form.set(path, on || props.required ? on : undefined)}
      />
      {error ? <span className="problem">{error}</span> : null}
    </div>
  );
}
