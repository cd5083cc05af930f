import { type ReactNode, useMemo, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { type Errors, useJudged } from "../judge.ts";
import type { CampaignDetail, TypeDetail, TypePreview, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { SchemaForm } from "../ui/schemaform.tsx";
import { toast } from "../ui/toast.tsx";
import { NO_TRIAL, ownWords, type TrialAsked, Ways } from "./trialasked.tsx";
import { Result } from "./typepreview.tsx";

type Kind = "import" | "topic" | "users";
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
        <Typed key={type} name={type} names={names} choose={setChosen} />
      )}
    </>
  );
}

function Typed(props: { name: string; names: readonly string[]; choose: (name: string) => void }): ReactNode {
  const { data, error, reload } = useAsk<TypeDetail>("type", { type: props.name });
  if (error) return <Failed error={error} retry={reload} />;
  if (data === null) {
    return (
      <div className="card">
        <Waiting lines={6} />
      </div>
    );
  }
  return <Form type={data} names={props.names} choose={props.choose} />;
}

function Form(props: {
  type: TypeDetail;
  names: readonly string[];
  choose: (name: string) => void;
}): ReactNode {
  const { type } = props;
  const { gateway } = useDesk();
  const [name, setName] = useState("");
  const [value, setValue] = useState<object>(type.examples[0] ?? NO_DATA);
  const [kind, setKind] = useState<Kind>("import");
  const [topic, setTopic] = useState("");
  const [locale, setLocale] = useState("");
  const [inApp, setInApp] = useState("");
  const [localTime, setLocalTime] = useState("");
  const [trial, setTrial] = useState<TrialAsked>(NO_TRIAL);
  const [refused, setRefused] = useState<Errors>(NONE);
  const [busy, setBusy] = useState(false);
  const question = useMemo(
    () => ({ type: type.type, data: value, ...(locale && { locale }) }),
    [type.type, value, locale],
  );
  const judged = useJudged<TypePreview>("preview_type", question);
  const error = (field: string): string | null => refused[field]?.join(" ") ?? null;
  const make = async () => {
    setBusy(true);
    try {
      const users = { users: locale ? { locale } : {} };
      const made = await gateway.ask<CampaignDetail>("create_campaign", {
        name,
        type: type.type,
        data: value,
        audience: kind === "import" ? "import" : kind === "topic" ? { topic } : users,
        ...(inApp.trim() && { in_app: inApp.trim() }),
        ...(localTime && { local_time: localTime }),
        ...ownWords(trial, locale || type.locales[0] || ""),
      });
      location.hash = href({ page: "campaigns", campaign: made.id, state: "" });
    } catch (failure) {
      const { errors, message } = refusal(failure);
      setRefused(errors);
      toast(message, "bad");
      setBusy(false);
    }
  };
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
          <Field label="For whom" error={error("audience")}>
            {(given) => (
              <select {...given} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
                <option value="import">Those I import</option>
                <option value="topic">The members of a topic</option>
                <option value="users">All users</option>
              </select>
            )}
          </Field>
          {kind === "topic" ? (
            <Field label="Topic" required error={null}>
              {(given) => (
                <input
                  {...given}
                  value={topic}
                  autoComplete="off"
                  onChange={(event) => setTopic(event.target.value)}
                />
              )}
            </Field>
          ) : (
            <Field
              label="Language"
              hint={kind === "users" ? "Of those who read it" : "Of the preview"}
              error={null}
            >
              {(given) => (
                <select {...given} value={locale} onChange={(event) => setLocale(event.target.value)}>
                  <option value="">{kind === "users" ? "Any" : "The catalog’s own"}</option>
                  {type.locales.map((one) => (
                    <option key={one}>{one}</option>
                  ))}
                </select>
              )}
            </Field>
          )}
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
          <Field label="Local time" hint="By each one’s own clock" error={error("local_time")}>
            {(given) => (
              <input
                {...given}
                type="time"
                value={localTime}
                onChange={(event) => setLocalTime(event.target.value)}
              />
            )}
          </Field>
        </div>
        <Ways
          asked={trial}
          change={setTrial}
          errors={refused}
          language={locale || type.locales[0] || "the catalog’s own"}
        />
        <div className="try-data">
          <SchemaForm
            schema={type.schema}
            value={value}
            errors={{ ...judged.errors, ...refused }}
            change={(next) => setValue(next as object)}
          />
        </div>
        <footer className="form-foot">
          <span className="soft">Nothing is sent yet</span>
          <button type="submit" className="button primary" disabled={busy || name.trim() === ""}>
            <Icon name="check" />
            Make the draft
          </button>
        </footer>
      </form>
      <Result judged={judged} user="" />
    </div>
  );
}
