import { type ReactNode, useMemo, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { type Errors, type Judged, useJudged } from "../judge.ts";
import type { CampaignDetail, TypeDetail, TypePreview, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { FIRST, ownWords } from "../trialasked.ts";
import { Empty, Failed, Heading, Segments, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import {
  type CampaignAsked,
  CampaignFields,
  campaignAsked,
  isWritten,
  NO_CAMPAIGN,
} from "./campaignfields.tsx";
import { Result } from "./typepreview.tsx";

const NONE: Errors = {};

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
  const [asked, setAsked] = useState<CampaignAsked>({ ...NO_CAMPAIGN, data: type.examples[0] ?? {} });
  /** That of the preview, and of the own words as they are written; it chooses nobody. */
  const [language, setLanguage] = useState(props.language);
  /** The key of the way that is shown; null is the first. */
  const [shown, setShown] = useState<number | null>(null);
  const [refused, setRefused] = useState<Errors>(NONE);
  const [busy, setBusy] = useState(false);
  const { data, trial } = asked;
  const other = trial.others.find(({ key }) => key === shown);
  const variant = other?.name.trim() ?? FIRST;
  const question = useMemo(
    () => ({
      type: type.type,
      data,
      campaign: ownWords(trial),
      ...(language && { locale: language }),
      ...(trial.others.length && { variant }),
    }),
    [type.type, data, language, trial, variant],
  );
  const judged = ofCampaign(useJudged<TypePreview>("preview_type", question));
  const make = async () => {
    setBusy(true);
    try {
      const made = await gateway.ask<CampaignDetail>("create_campaign", {
        type: type.type,
        ...campaignAsked(asked),
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
        <CampaignFields
          type={type}
          names={props.names}
          choose={props.choose}
          asked={asked}
          change={(change) => setAsked((before) => ({ ...before, ...change }))}
          language={language}
          speak={setLanguage}
          refused={refused}
          judged={judged.errors}
        />
        <footer className="form-foot">
          <span className="soft">Nothing is sent yet</span>
          <button type="submit" className="button primary" disabled={busy || !isWritten(asked)}>
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
