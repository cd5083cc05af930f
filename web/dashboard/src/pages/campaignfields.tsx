import type { ReactNode } from "react";
import type { Errors } from "../judge.ts";
import type { TypeDetail } from "../protocol.ts";
import { NO_TRIAL, ownWords, planOf, type TrialAsked } from "../trialasked.ts";
import { Field } from "../ui/field.tsx";
import { SchemaForm } from "../ui/schemaform.tsx";
import { type AudienceAsked, AudienceFields, audienceAsked, IMPORTED, isTwice } from "./audience.tsx";
import { AT_ONCE, type TimingAsked, TimingFields, timingAsked } from "./timing.tsx";
import { Ways } from "./ways.tsx";

/** A campaign as it is written, of a type that is chosen beside it. */
export interface CampaignAsked {
  readonly name: string;
  readonly data: object;
  readonly audience: AudienceAsked;
  readonly timing: TimingAsked;
  /** The room in which it is told in the app; empty for mail only. */
  readonly inApp: string;
  readonly trial: TrialAsked;
}

export const NO_CAMPAIGN: CampaignAsked = {
  name: "",
  data: {},
  audience: IMPORTED,
  timing: AT_ONCE,
  inApp: "",
  trial: NO_TRIAL,
};

/** What `create_campaign` is told of it. */
export function campaignAsked({ name, data, audience, timing, inApp, trial }: CampaignAsked): object {
  return {
    name,
    data,
    audience: audienceAsked(audience),
    ...(inApp.trim() && { in_app: inApp.trim() }),
    ...timingAsked(timing),
    ...ownWords(trial),
    ...planOf(trial),
  };
}

/** Whether it says enough to be asked for, and nothing twice. */
export function isWritten({ name, audience: { kind, attributes } }: CampaignAsked): boolean {
  return name.trim() !== "" && (kind !== "users" || attributes.every((_, at, all) => !isTwice(all, at)));
}

export function CampaignFields(props: {
  type: TypeDetail;
  /** The types that it may be of. */
  names: readonly string[];
  choose: (name: string) => void;
  asked: CampaignAsked;
  change: (change: Partial<CampaignAsked>) => void;
  /** That of the preview. */
  language: string;
  speak: (language: string) => void;
  refused: Errors;
  /** What the preview has found. */
  judged: Errors;
}): ReactNode {
  const { type, asked, change, language, refused, judged } = props;
  const errors = { ...judged, ...refused };
  const error = (field: string): string | null => refused[field]?.join(" ") ?? null;
  return (
    <>
      <div className="pair">
        <Field label="Name" hint="Among you" required error={error("name")}>
          {(given) => (
            <input
              {...given}
              value={asked.name}
              autoComplete="off"
              onChange={(event) => change({ name: event.target.value })}
            />
          )}
        </Field>
        <Field label="Type" error={error("type")}>
          {(given) => (
            <select {...given} value={type.type} onChange={(event) => props.choose(event.target.value)}>
              {props.names.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <AudienceFields
        asked={asked.audience}
        change={(audience) => change({ audience })}
        locales={type.locales}
        error={error("audience")}
      />
      <TimingFields asked={asked.timing} change={(timing) => change({ timing })} error={error} />
      <div className="pair">
        <Field label="Tell in the app" hint="topic:<name> or all; once" error={error("in_app")}>
          {(given) => (
            <input
              {...given}
              value={asked.inApp}
              placeholder="mail only"
              autoComplete="off"
              onChange={(event) => change({ inApp: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="Preview in"
          hint="Subject and variants are written in it"
          error={judged.locale?.join(" ") ?? null}
        >
          {(given) => (
            <select {...given} value={language} onChange={(event) => props.speak(event.target.value)}>
              {type.locales.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Ways asked={asked.trial} change={(trial) => change({ trial })} errors={errors} language={language} />
      <div className="try-data">
        <SchemaForm
          schema={type.schema}
          value={asked.data}
          errors={errors}
          change={(data) => change({ data: data as object })}
        />
      </div>
    </>
  );
}
