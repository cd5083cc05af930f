import type { ReactNode } from "react";
import type { Errors } from "../judge.ts";
import { Field } from "../ui/field.tsx";

/** A subject of its own, and another that some get to try it; figures as people write them, in percent. */
export interface TrialAsked {
  readonly subject: string;
  readonly other: string;
  readonly share: string;
  readonly baseline: string;
  readonly effect: string;
}

export const NO_TRIAL: TrialAsked = { subject: "", other: "", share: "20", baseline: "5", effect: "2" };

/** What `create_campaign` is told of it, in the language that is being written. */
export function ownWords(asked: TrialAsked, language: string): object {
  const subject = asked.subject.trim();
  const other = asked.other.trim();
  return {
    ...(subject && { texts: { [language]: { subject } } }),
    ...(other && {
      variants: [{ name: "a" }, { name: "b", texts: { [language]: { subject: other } } }],
      experiment: {
        share: Number(asked.share),
        baseline: Number(asked.baseline) / 100,
        effect: Number(asked.effect) / 100,
      },
    }),
  };
}

export function Ways(props: {
  asked: TrialAsked;
  change: (asked: TrialAsked) => void;
  errors: Errors;
  language: string;
}): ReactNode {
  const { asked, errors } = props;
  const told = (...fields: string[]): string | null =>
    Object.entries(errors)
      .filter(([name]) => fields.some((field) => name.startsWith(field)))
      .flatMap(([, texts]) => texts)
      .join(" ") || null;
  const input = (name: keyof TrialAsked, type = "text") => ({
    type,
    value: asked[name],
    autoComplete: "off",
    onChange: (event: { target: { value: string } }) =>
      props.change({ ...asked, [name]: event.target.value }),
  });
  return (
    <div className="pair">
      <Field label="Subject" hint={`In the place of the type’s, in ${props.language}`} error={told("texts")}>
        {(given) => <input {...given} {...input("subject")} />}
      </Field>
      <Field label="Try another subject" hint="Whether more click on it" error={told("variants")}>
        {(given) => <input {...given} {...input("other")} />}
      </Field>
      {asked.other.trim() === "" ? null : (
        <>
          <Field label="On how many" hint="Percent; the others get the winner" error={told("experiment")}>
            {(given) => <input {...given} {...input("share", "number")} min={1} max={100} />}
          </Field>
          <Field label="Who clicks anyway" hint="Percent, as you expect" error={null}>
            {(given) => <input {...given} {...input("baseline", "number")} min={0.1} max={90} step={0.1} />}
          </Field>
          <Field label="Worth finding" hint="Percentage points more" error={null}>
            {(given) => <input {...given} {...input("effect", "number")} min={0.1} max={90} step={0.1} />}
          </Field>
        </>
      )}
    </div>
  );
}
