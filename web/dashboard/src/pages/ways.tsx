import type { ReactNode } from "react";
import type { Errors } from "../judge.ts";
import {
  FIRST,
  MOST,
  NOTHING,
  type Said,
  saying,
  type TrialAsked,
  type Way,
  withAnother,
} from "../trialasked.ts";
import { Field } from "../ui/field.tsx";
import { useGrowing } from "../ui/growing.ts";
import { Icon } from "../ui/icons.tsx";

/** The subject of a campaign, and the other ways to say it that are tried. */
export function Ways(props: {
  asked: TrialAsked;
  change: (asked: TrialAsked) => void;
  errors: Errors;
  /** The one that is being written. */
  language: string;
}): ReactNode {
  const { asked, change, errors, language } = props;
  const growing = useGrowing();
  return (
    <>
      <Field
        label="Subject"
        hint={`In the place of the type’s, in ${language}`}
        error={told(errors, `texts.${language}`)}
      >
        {(given) => (
          <input
            {...given}
            value={(asked.texts[language] ?? NOTHING).subject}
            autoComplete="off"
            onChange={(event) => change(saying(asked, language, { subject: event.target.value }))}
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
            language={language}
            wrong={(field) => told(errors, `variants.${place + 1}.${field}`)}
            set={(next) =>
              change({ ...asked, others: asked.others.map((each) => (each.key === next.key ? next : each)) })
            }
            remove={() => {
              growing.removed();
              change({ ...asked, others: asked.others.filter(({ key }) => key !== one.key) });
            }}
            arrived={(input) => growing.arrived(one.key, input)}
          />
        ))}
        {asked.others.length + 1 < MOST ? (
          <button
            ref={growing.adds}
            type="button"
            className="button small add"
            onClick={() => {
              const next = withAnother(asked);
              growing.added(next.others.at(-1)?.key ?? null);
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
  language: string;
  wrong: (field: string) => string | null;
  set: (way: Way) => void;
  remove: () => void;
  /** Its first text is there, or has gone. */
  arrived: (input: HTMLInputElement | null) => void;
}): ReactNode {
  const { way, language, wrong, set } = props;
  const said = way.texts[language] ?? NOTHING;
  const text = (name: keyof Said) => ({
    value: said[name],
    autoComplete: "off",
    onChange: (event: { target: { value: string } }) =>
      set(saying(way, language, { [name]: event.target.value })),
  });
  const wrongly = (name: keyof Said) => wrong(`texts.${language}.${name}`);
  return (
    <div className="entry">
      <fieldset className="inset">
        <legend>Variant {way.name}</legend>
        <div className="pair">
          <Field label="Its subject" error={wrongly("subject")}>
            {(given) => <input {...given} {...text("subject")} ref={props.arrived} />}
          </Field>
          <Field label="Its title" error={wrongly("title")}>
            {(given) => <input {...given} {...text("title")} />}
          </Field>
          <Field label="Its name" hint="In the figures" required error={wrong("name")}>
            {(given) => (
              <input
                {...given}
                className="mono"
                value={way.name}
                maxLength={32}
                autoComplete="off"
                onChange={(event) => set({ ...way, name: event.target.value })}
              />
            )}
          </Field>
          <Field label="Its local time" hint="By each one’s own clock" error={wrong("local_time")}>
            {(given) => (
              <input
                {...given}
                type="time"
                value={way.localTime}
                onChange={(event) => set({ ...way, localTime: event.target.value })}
              />
            )}
          </Field>
        </div>
        <Field label="Its text" error={wrongly("body")}>
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
