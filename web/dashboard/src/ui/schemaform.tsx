import { type ReactNode, useId, useMemo } from "react";
import {
  at,
  blank,
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
import { Icon } from "./icons.tsx";
import { JsonField } from "./jsonfield.tsx";
import { ChoiceField, FlagField, NumberField, TextField } from "./schemafields.tsx";
import { errorAt, type Form, hintOf, type Part } from "./schemapart.ts";

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

const titleOf = ({ title }: Schema, name: string): string =>
  typeof title === "string" ? title : humane(name.replace(/([a-z])([A-Z])/g, "$1 $2"));

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
