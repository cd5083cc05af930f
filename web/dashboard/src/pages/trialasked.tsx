import { type ReactNode, useEffect, useRef } from "react";
import type { Errors } from "../judge.ts";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";

/** Another way to say it; what is empty is as in the first. */
export interface Way {
  /** By which it is known while it is written, whatever its name. */
  readonly key: number;
  readonly name: string;
  readonly subject: string;
  readonly title: string;
  readonly body: string;
  readonly localTime: string;
}

/** A subject of its own, other ways that some get to try them, and the plan; figures as people write them, in percent. */
export interface TrialAsked {
  readonly subject: string;
  /** Beside the first, which is the campaign as it is. */
  readonly others: readonly Way[];
  readonly metric: "click" | "conversion";
  readonly share: string;
  readonly holdout: string;
  readonly baseline: string;
  readonly effect: string;
  readonly hours: string;
}

export const NO_TRIAL: TrialAsked = {
  subject: "",
  others: [],
  metric: "click",
  share: "20",
  holdout: "0",
  baseline: "5",
  effect: "2",
  hours: "24",
};

/** The first one included. */
const MOST = 8;
const NAMES = [..."abcdefgh"];
const FIRST = "a";

/** With one way more, under the first letter that none has. */
export function withAnother(asked: TrialAsked): TrialAsked {
  const taken = new Set([FIRST, ...asked.others.map(({ name }) => name)]);
  const name = NAMES.find((one) => !taken.has(one)) ?? "";
  const key = Math.max(0, ...asked.others.map((one) => one.key)) + 1;
  return {
    ...asked,
    others: [...asked.others, { key, name, subject: "", title: "", body: "", localTime: "" }],
  };
}

/** What `create_campaign` is told of it, in the language that is being written. */
export function ownWords(asked: TrialAsked, language: string): object {
  const subject = asked.subject.trim();
  return {
    ...(subject && { texts: { [language]: { subject } } }),
    ...(asked.others.length && {
      variants: [{ name: FIRST }, ...asked.others.map((one) => variantOf(one, language))],
      experiment: {
        metric: asked.metric,
        share: Number(asked.share),
        holdout: Number(asked.holdout),
        baseline: Number(asked.baseline) / 100,
        effect: Number(asked.effect) / 100,
        hours: Number(asked.hours),
      },
    }),
  };
}

function variantOf(one: Way, language: string): object {
  const said = Object.entries({ subject: one.subject, title: one.title, body: one.body })
    .map(([name, text]) => [name, text.trim()] as const)
    .filter(([, text]) => text !== "");
  return {
    name: one.name.trim(),
    ...(said.length && { texts: { [language]: Object.fromEntries(said) } }),
    ...(one.localTime && { local_time: one.localTime }),
  };
}

export function Ways(props: {
  asked: TrialAsked;
  change: (asked: TrialAsked) => void;
  errors: Errors;
  language: string;
}): ReactNode {
  const { asked, change, errors } = props;
  const adds = useRef<HTMLButtonElement>(null);
  const goTo = useRef<number | "add" | null>(null);
  useEffect(() => {
    // Whoever has removed one stands nowhere else.
    if (goTo.current === "add") {
      goTo.current = null;
      adds.current?.focus();
    }
  });
  return (
    <>
      <Field
        label="Subject"
        hint={`In the place of the type’s, in ${props.language}`}
        error={told(errors, "texts")}
      >
        {(given) => (
          <input
            {...given}
            value={asked.subject}
            autoComplete="off"
            onChange={(event) => change({ ...asked, subject: event.target.value })}
          />
        )}
      </Field>
      <fieldset className="inset">
        <legend>Variants</legend>
        <p className="hint">
          {asked.others.length
            ? `The first, ${FIRST}, is the campaign as it stands above. In what another leaves empty it is like that.`
            : "All get the same. With another variant it is tried on some which of them does better."}
        </p>
        {exactly(errors, "variants")}
        {asked.others.map((one, place) => (
          <OneWay
            key={one.key}
            way={one}
            wrong={(field) => told(errors, `variants.${place + 1}.${field}`)}
            set={(next) =>
              change({ ...asked, others: asked.others.map((each) => (each.key === next.key ? next : each)) })
            }
            remove={() => {
              goTo.current = "add";
              change({ ...asked, others: asked.others.filter(({ key }) => key !== one.key) });
            }}
            arrived={(input) => {
              if (goTo.current !== one.key) return;
              goTo.current = null;
              input.focus();
            }}
          />
        ))}
        {asked.others.length + 1 < MOST ? (
          <button
            ref={adds}
            type="button"
            className="button small add"
            onClick={() => {
              const next = withAnother(asked);
              goTo.current = next.others.at(-1)?.key ?? null;
              change(next);
            }}
          >
            <Icon name="plus" />
            Add a variant
          </button>
        ) : null}
        {asked.others.length ? <PlanFields asked={asked} change={change} errors={errors} /> : null}
      </fieldset>
    </>
  );
}

function OneWay(props: {
  way: Way;
  wrong: (field: string) => string | null;
  set: (way: Way) => void;
  remove: () => void;
  /** Its first text is there. */
  arrived: (input: HTMLInputElement) => void;
}): ReactNode {
  const { way, wrong, set } = props;
  const text = (name: Exclude<keyof Way, "key">) => ({
    value: way[name],
    autoComplete: "off",
    onChange: (event: { target: { value: string } }) => set({ ...way, [name]: event.target.value }),
  });
  return (
    <div className="entry">
      <fieldset className="inset">
        <legend>Variant {way.name}</legend>
        <div className="pair">
          <Field label="Its subject" error={wrong("texts")}>
            {(given) => (
              <input {...given} {...text("subject")} ref={(input) => void (input && props.arrived(input))} />
            )}
          </Field>
          <Field label="Its title" error={null}>
            {(given) => <input {...given} {...text("title")} />}
          </Field>
          <Field label="Its name" hint="In the figures" required error={wrong("name")}>
            {(given) => <input {...given} {...text("name")} className="mono" maxLength={32} />}
          </Field>
          <Field label="Its local time" hint="By each one’s own clock" error={wrong("local_time")}>
            {(given) => <input {...given} {...text("localTime")} type="time" />}
          </Field>
        </div>
        <Field label="Its text" error={null}>
          {(given) => <textarea {...given} {...text("body")} rows={2} />}
        </Field>
      </fieldset>
      <button
        type="button"
        className="icon-button remove"
        title="Remove"
        aria-label={`Remove variant ${way.name}`}
        onClick={props.remove}
      >
        <Icon name="trash" />
      </button>
    </div>
  );
}

function PlanFields(props: {
  asked: TrialAsked;
  change: (asked: TrialAsked) => void;
  errors: Errors;
}): ReactNode {
  const { asked, change, errors } = props;
  const figure = (
    name: "share" | "holdout" | "baseline" | "effect" | "hours",
    least: number,
    most: number,
  ) => ({
    type: "number",
    min: least,
    max: most,
    step: "any",
    value: asked[name],
    autoComplete: "off",
    onChange: (event: { target: { value: string } }) => change({ ...asked, [name]: event.target.value }),
  });
  const wrong = (name: string) => told(errors, `experiment.${name}`);
  return (
    <fieldset className="inset">
      <legend>Plan</legend>
      {exactly(errors, "experiment")}
      <div className="pair">
        <Field
          label="What counts"
          hint={asked.metric === "click" ? "Of a person, on a link" : "As your backend tells"}
          error={wrong("metric")}
        >
          {(given) => (
            <select
              {...given}
              value={asked.metric}
              onChange={(event) => change({ ...asked, metric: event.target.value as TrialAsked["metric"] })}
            >
              <option value="click">A click</option>
              <option value="conversion">A conversion</option>
            </select>
          )}
        </Field>
        <Field label="On how many" hint="Percent; the others get the winner" error={wrong("share")}>
          {(given) => <input {...given} {...figure("share", 1, 100)} />}
        </Field>
        <Field label="Who does so anyway" hint="Percent, as you expect" error={wrong("baseline")}>
          {(given) => <input {...given} {...figure("baseline", 0.1, 90)} />}
        </Field>
        <Field label="Worth finding" hint="Percentage points more" error={wrong("effect")}>
          {(given) => <input {...given} {...figure("effect", 0.1, 90)} />}
        </Field>
        <Field label="Held out" hint="Percent, who get nothing" error={wrong("holdout")}>
          {(given) => <input {...given} {...figure("holdout", 0, 50)} />}
        </Field>
        <Field label="For hours" hint="From the start until it is over" error={wrong("hours")}>
          {(given) => <input {...given} {...figure("hours", 4, 720)} />}
        </Field>
      </div>
    </fieldset>
  );
}

/** What is wrong with a field, or with anything below it. */
function told(errors: Errors, field: string): string | null {
  return (
    Object.entries(errors)
      .filter(([name]) => name === field || name.startsWith(`${field}.`))
      .flatMap(([, texts]) => texts)
      .join(" ") || null
  );
}

/** What is wrong with a part of the form as a whole. */
function exactly(errors: Errors, field: string): ReactNode {
  return errors[field] ? <p className="problem">{errors[field].join(" ")}</p> : null;
}
