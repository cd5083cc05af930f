import { type ReactNode, useEffect, useId, useMemo, useState } from "react";
import {
  at,
  blank,
  type Format,
  isSchema,
  type Json,
  type Path,
  placed,
  pointerOf,
  pointers,
  resolved,
  type Schema,
  type Shape,
  shapeOf,
  withAt,
} from "../schema.ts";
import { humane } from "../words.ts";
import { Field, Switch } from "./field.tsx";
import { Icon } from "./icons.tsx";

/** What every part of one form shares. */
interface Form {
  readonly root: Schema;
  readonly errors: Readonly<Record<string, string>>;
  readonly set: (path: Path, value: Json) => void;
}

interface Part {
  readonly form: Form;
  readonly schema: Schema;
  readonly value: Json;
  readonly path: Path;
  readonly label: ReactNode;
  readonly required: boolean;
  /** One of a list: that it is there is no matter of a mark. */
  readonly entry?: true;
}

/**
 * A form made from a JSON Schema. What it cannot draw is written as JSON, and so is all data of a type without a schema.
 *
 * `errors` are the gateway's, by JSON Pointer from the emit (`/data/order`).
 */
export function SchemaForm(props: {
  schema: Schema | null;
  value: Json;
  errors: Readonly<Record<string, readonly string[]>>;
  change: (value: Json) => void;
}): ReactNode {
  const { value, change } = props;
  const root = props.schema ?? NO_SCHEMA;
  const errors = useMemo(
    () => placed(props.errors, pointers(root, root, value)),
    [props.errors, root, value],
  );
  const form: Form = { root, errors, set: (path, next) => change(withAt(value, path, next)) };
  const shape = shapeOf(root, root);
  if (shape.kind !== "object") return <JsonField {...part(form, root, value, "Data")} />;
  const own = errors[pointerOf([])];
  return (
    <div className="schema">
      {own ? <p className="problem">{own}</p> : null}
      <Properties form={form} shape={shape} value={value} path={[]} />
    </div>
  );
}

const NO_SCHEMA: Schema = {};

const part = (form: Form, schema: Schema, value: Json, label: string): Part => ({
  form,
  schema,
  value,
  path: [],
  label,
  required: false,
});

function Properties(props: {
  form: Form;
  shape: Extract<Shape, { kind: "object" }>;
  value: Json;
  path: Path;
}): ReactNode {
  const { form, shape, value, path } = props;
  const known = new Set(shape.properties.map(({ name }) => name));
  const others = isSchema(value) ? Object.keys(value).filter((name) => !known.has(name)) : [];
  return (
    <>
      {shape.properties.map(({ name, schema, required }) => (
        <One
          key={name}
          form={form}
          schema={schema}
          value={at(value, [name])}
          path={[...path, name]}
          label={titleOf(resolved(schema, form.root), name)}
          required={required}
        />
      ))}
      {others.map((name) => (
        <JsonField
          key={name}
          form={form}
          schema={NO_SCHEMA}
          value={at(value, [name])}
          path={[...path, name]}
          label={<span className="mono">{name}</span>}
          required={false}
        />
      ))}
    </>
  );
}

function One(props: Part): ReactNode {
  const { form, schema, value, path } = props;
  const shape = shapeOf(schema, form.root, path.length);
  switch (shape.kind) {
    case "text":
      return <TextField {...props} format={shape.format} longest={shape.longest} />;
    case "number":
      return <NumberField {...props} whole={shape.whole} />;
    case "choice":
      return <ChoiceField {...props} options={shape.options} />;
    case "flag":
      return <FlagField {...props} />;
    case "list":
      return <ListField {...props} item={shape.item} most={shape.most} />;
    case "object":
      return (
        <Group {...props}>
          <Properties form={form} shape={shape} value={value} path={path} />
        </Group>
      );
    default:
      return <JsonField {...props} />;
  }
}

const errorAt = ({ form, path }: Part): string | null => form.errors[pointerOf(path)] ?? null;
const hintOf = ({ form, schema }: Part): string | undefined => {
  const { description } = resolved(schema, form.root);
  return typeof description === "string" ? description : undefined;
};
const titleOf = ({ title }: Schema, name: string): string =>
  typeof title === "string" ? title : humane(name.replace(/([a-z])([A-Z])/g, "$1 $2"));

/** What every control is told of its field. */
const about = (props: Part) => {
  const hint = hintOf(props);
  return {
    label: props.label,
    required: props.required && !props.entry,
    error: errorAt(props),
    ...(hint ? { hint } : {}),
  };
};

const TYPES: Record<Format, string> = {
  text: "text",
  long: "text",
  date: "date",
  time: "time",
  datetime: "datetime-local",
  email: "email",
  url: "url",
};

function TextField(props: Part & { format: Format; longest: number | undefined }): ReactNode {
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

function NumberField(props: Part & { whole: boolean }): ReactNode {
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

function ChoiceField(props: Part & { options: readonly Json[] }): ReactNode {
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

const same = (one: Json, other: Json): boolean => JSON.stringify(one) === JSON.stringify(other);

function FlagField(props: Part): ReactNode {
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

function Group(props: Part & { children: ReactNode }): ReactNode {
  const { form, value, path } = props;
  const error = errorAt(props);
  const hint = hintOf(props);
  const absent = value === undefined;
  return (
    <fieldset className="inset">
      <legend>
        {props.label}
        {props.required && !props.entry ? <Star /> : null}
      </legend>
      {hint ? <p className="hint">{hint}</p> : null}
      {error ? <p className="problem">{error}</p> : null}
      {absent ? <AddButton add={() => form.set(path, {})}>Add {props.label}</AddButton> : props.children}
      {absent || props.required ? null : (
        <RemoveButton remove={() => form.set(path, undefined)} name={props.label} words="Leave it out" />
      )}
    </fieldset>
  );
}

function ListField(props: Part & { item: Schema; most: number }): ReactNode {
  const { form, value, path, item, most } = props;
  const error = errorAt(props);
  const hint = hintOf(props);
  const items = Array.isArray(value) ? value : [];
  const add = () => form.set(path, [...items, blank(item, form.root)]);
  const remove = (index: number) => {
    const left = items.filter((_, place) => place !== index);
    form.set(path, left.length === 0 && !props.required ? undefined : left);
  };
  return (
    <fieldset className="inset">
      <legend>
        {props.label}
        {props.required ? <Star /> : null}
        <span className="soft"> {items.length}</span>
      </legend>
      {hint ? <p className="hint">{hint}</p> : null}
      {error ? <p className="problem">{error}</p> : null}
      {items.map((inner, index) => (
        <div key={index} className="entry">
          <One
            form={form}
            schema={item}
            value={inner}
            path={[...path, index]}
            label={humane(`${singular(props.label)} ${index + 1}`)}
            required
            entry
          />
          <RemoveButton remove={() => remove(index)} name={`${singular(props.label)} ${index + 1}`} />
        </div>
      ))}
      {items.length < most ? <AddButton add={add}>Add {singular(props.label)}</AddButton> : null}
    </fieldset>
  );
}

/** Items → item. */
function singular(label: ReactNode): string {
  const text = typeof label === "string" ? label : "entry";
  return (/[^s]s$/.test(text) ? text.slice(0, -1) : text).toLowerCase();
}

const Star = (): ReactNode => (
  <span className="required" aria-hidden="true">
    {" *"}
  </span>
);

function AddButton(props: { add: () => void; children: ReactNode }): ReactNode {
  return (
    <button type="button" className="button small add" onClick={props.add}>
      <Icon name="plus" />
      {props.children}
    </button>
  );
}

function RemoveButton(props: { remove: () => void; name: ReactNode; words?: string }): ReactNode {
  const id = useId();
  return (
    <button
      type="button"
      className={props.words ? "button small quiet" : "icon-button remove"}
      aria-labelledby={`${id}-act ${id}-name`}
      title={props.words ?? "Remove"}
      onClick={props.remove}
    >
      {props.words ? null : <Icon name="trash" />}
      <span id={`${id}-act`} className={props.words ? "" : "unseen"}>
        {props.words ?? "Remove"}
      </span>
      <span id={`${id}-name`} className="unseen">
        {props.name}
      </span>
    </button>
  );
}

function JsonField(props: Part): ReactNode {
  const { form, value, path } = props;
  const [text, setText] = useState(() => written(value));
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    setText((held) => {
      const meant = read(held);
      return same(meant === BROKEN ? held : meant, value) ? held : written(value);
    });
  }, [value]);
  const set = (next: string) => {
    setText(next);
    const held = read(next);
    setBroken(held === BROKEN);
    // What is no JSON yet is sent as the text that it is, and refused for it: nothing else than what is seen is sent.
    form.set(path, held === BROKEN ? next : held);
  };
  const error = broken ? "This is no JSON yet." : errorAt(props);
  return (
    <Field {...about(props)} error={error} note="JSON">
      {(given) => (
        <textarea
          {...given}
          className="mono"
          rows={Math.min(14, Math.max(2, text.split("\n").length))}
          value={text}
          spellCheck={false}
          onChange={(event) => set(event.target.value)}
        />
      )}
    </Field>
  );
}

const BROKEN = Symbol("no JSON");
const written = (value: Json): string => (value === undefined ? "" : JSON.stringify(value, null, 2));

function read(text: string): Json {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return BROKEN;
  }
}
