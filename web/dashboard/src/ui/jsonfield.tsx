import { type ReactNode, useEffect, useState } from "react";
import type { Json } from "../schema.ts";
import { Field } from "./field.tsx";
import { about, errorAt, type Part, same } from "./schemapart.ts";

/** What has no form, written as JSON. */
export function JsonField(props: Part): ReactNode {
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
