import { type ReactNode, useMemo, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { type Errors, type Judged, useJudged } from "../judge.ts";
import type { CampaignDetail, TypeDetail, TypePreview, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { Empty, Failed, Heading, Segments, Waiting } from "../ui/bits.tsx";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { SchemaForm } from "../ui/schemaform.tsx";
import { toast } from "../ui/toast.tsx";
import { AudienceFields, audienceAsked, IMPORTED, isTwice } from "./audience.tsx";
import { AT_ONCE, TimingFields, timingAsked } from "./timing.tsx";
import { FIRST, NO_TRIAL, ownWords, planOf, type TrialAsked, Ways } from "./trialasked.tsx";
import { Result } from "./typepreview.tsx";

const NONE: Errors = {};
const NO_DATA: object = {};

/** A campaign is written here, with what a reader would get of it beside. */
export function NewCampaign(): ReactNode {
  const { data, error, reload } = useAsk<Types>("types", {});
  const names = Object.entries(data?.types ?? {})
    .filter(([, { known, lane }]) => known && lane === "bulk")
    .map(([name]) => name);
  const [chosen, setChosen] = useState<string | null>(null);
  const type = chosen ?? names[0] ?? null;
  return (
    <>
      <Heading title="New campaign" note="It is a draft until you start it" />
      {error ? <Failed error={error} retry={reload} /> : null}
      {data === null ? (
        error ? null : (
          <div className="card">
            <Waiting lines={6} />
          </div>
        )
      ) : type === null ? (
        <section className="card">
          <Empty icon="types" title="The catalog has no type of the lane bulk">
            A campaign is of one: nobody waits for a newsletter.
          </Empty>
        </section>
      ) : (
        <Typed key={type} name={type} language={data.default_locale} names={names} choose={setChosen} />
      )}
    </>
  );
}

function Typed(props: {
  name: string;
  /** The catalog's own. */
  language: string | null;
  names: readonly string[];
  choose: (name: string) => void;
}): ReactNode {
  const { data, error, reload } = useAsk<TypeDetail>("type", { type: props.name });
  if (error) return <Failed error={error} retry={reload} />;
  if (data === null) {
    return (
      <div className="card">
        <Waiting lines={6} />
      </div>
    );
  }
  const language = data.locales.find((one) => one === props.language) ?? data.locales[0] ?? "";
  return <Form type={data} language={language} names={props.names} choose={props.choose} />;
}

function Form(props: {
  type: TypeDetail;
  language: string;
  names: readonly string[];
  choose: (name: string) => void;
}): ReactNode {
  const { type } = props;
  const { gateway } = useDesk();
  const [name, setName] = useState("");
  const [value, setValue] = useState<object>(type.examples[0] ?? NO_DATA);
  const [audience, setAudience] = useState(IMPORTED);
  /** That of the preview, and of the own words as they are written; it chooses nobody. */
  const [language, setLanguage] = useState(props.language);
  const [timing, setTiming] = useState(AT_ONCE);
  const [inApp, setInApp] = useState("");
  const [trial, setTrial] = useState<TrialAsked>(NO_TRIAL);
  /** The key of the way that is shown; null is the first. */
  const [shown, setShown] = useState<number | null>(null);
  const [refused, setRefused] = useState<Errors>(NONE);
  const [busy, setBusy] = useState(false);
  const other = trial.others.find(({ key }) => key === shown);
  const variant = other?.name.trim() ?? FIRST;
  const question = useMemo(
    () => ({
      type: type.type,
      data: value,
      campaign: ownWords(trial),
      ...(language && { locale: language }),
      ...(trial.others.length && { variant }),
    }),
    [type.type, value, language, trial, variant],
  );
  const judged = ofCampaign(useJudged<TypePreview>("preview_type", question));
  const errors = { ...judged.errors, ...refused };
  const error = (field: string): string | null => refused[field]?.join(" ") ?? null;
  const make = async () => {
    setBusy(true);
    try {
      const made = await gateway.ask<CampaignDetail>("create_campaign", {
        name,
        type: type.type,
        data: value,
        audience: audienceAsked(audience),
        ...(inApp.trim() && { in_app: inApp.trim() }),
        ...timingAsked(timing),
        ...ownWords(trial),
        ...planOf(trial),
      });
      location.hash = href({ page: "campaigns", campaign: made.id, state: "" });
    } catch (failure) {
      const { errors, message } = refusal(failure);
      setRefused(errors);
      toast(message, "bad");
      setBusy(false);
    }
  };
  const isClear = audience.kind !== "users" || audience.attributes.every((_, at, all) => !isTwice(all, at));
  return (
    <div className="try">
      <form
        className="card form try-form"
        aria-label="The campaign"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <div className="pair">
          <Field label="Name" hint="Among you" required error={error("name")}>
            {(given) => (
              <input
                {...given}
                value={name}
                autoComplete="off"
                onChange={(event) => setName(event.target.value)}
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
          asked={audience}
          change={setAudience}
          locales={type.locales}
          error={error("audience")}
        />
        <TimingFields asked={timing} change={setTiming} error={error} />
        <div className="pair">
          <Field label="Tell in the app" hint="topic:<name> or all; once" error={error("in_app")}>
            {(given) => (
              <input
                {...given}
                value={inApp}
                placeholder="mail only"
                autoComplete="off"
                onChange={(event) => setInApp(event.target.value)}
              />
            )}
          </Field>
          <Field
            label="Preview in"
            hint="Subject and variants are written in it"
            error={judged.errors.locale?.join(" ") ?? null}
          >
            {(given) => (
              <select {...given} value={language} onChange={(event) => setLanguage(event.target.value)}>
                {type.locales.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <Ways asked={trial} change={setTrial} errors={errors} language={language} />
        <div className="try-data">
          <SchemaForm
            schema={type.schema}
            value={value}
            errors={errors}
            change={(next) => setValue(next as object)}
          />
        </div>
        <footer className="form-foot">
          <span className="soft">Nothing is sent yet</span>
          <button type="submit" className="button primary" disabled={busy || name.trim() === "" || !isClear}>
            <Icon name="check" />
            Make the draft
          </button>
        </footer>
      </form>
      <div className="try-result">
        {trial.others.length ? (
          <div className="try-ways">
            <span className="soft">Preview</span>
            <Segments<string>
              label="Preview"
              value={other ? String(other.key) : ""}
              choose={(key) => setShown(key === "" ? null : Number(key))}
              options={[
                { value: "", label: FIRST },
                ...trial.others.map(({ key, name }) => ({ value: String(key), label: name.trim() || "…" })),
              ]}
            />
          </div>
        ) : null}
        <Result judged={judged} user="" />
      </div>
    </div>
  );
}

const OF_CAMPAIGN = "campaign.";

/** By the names that the fields have in a campaign: in a preview its words stand a level deeper. */
function ofCampaign(judged: Judged<TypePreview>): Judged<TypePreview> {
  const errors = Object.entries(judged.errors).map(
    ([field, texts]) =>
      [field.startsWith(OF_CAMPAIGN) ? field.slice(OF_CAMPAIGN.length) : field, texts] as const,
  );
  return { ...judged, errors: Object.fromEntries(errors) };
}
