/** What a form made from a JSON Schema tells each of its parts, and what each part makes of it. */

import type { ReactNode } from "react";
import { type Json, type Path, pointerOf, resolved, type Schema } from "../schema.ts";

/** What every part of one form shares. */
export interface Form {
  readonly root: Schema;
  readonly errors: Readonly<Record<string, string>>;
  readonly set: (path: Path, value: Json) => void;
}

export interface Part {
  readonly form: Form;
  readonly schema: Schema;
  readonly value: Json;
  readonly path: Path;
  readonly label: ReactNode;
  readonly required: boolean;
  /** One of a list: that it is there is no matter of a mark. */
  readonly entry?: true;
}

export const errorAt = ({ form, path }: Part): string | null => form.errors[pointerOf(path)] ?? null;

export const hintOf = ({ form, schema }: Part): string | undefined => {
  const { description } = resolved(schema, form.root);
  return typeof description === "string" ? description : undefined;
};

/** What every control is told of its field. */
export const about = (props: Part) => {
  const hint = hintOf(props);
  return {
    label: props.label,
    required: props.required && !props.entry,
    error: errorAt(props),
    ...(hint ? { hint } : {}),
  };
};

export const same = (one: Json, other: Json): boolean => JSON.stringify(one) === JSON.stringify(other);
