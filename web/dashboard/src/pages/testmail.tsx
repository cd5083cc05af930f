import { type ReactNode, useState } from "react";
import { refusal, useAsk, useDesk } from "../context.tsx";
import type { Errors } from "../judge.ts";
import type { CampaignDetail, TypeDetail } from "../protocol.ts";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";

const NONE: Errors = {};

/** The mail itself, into one's own mailbox: in the variant and the language that is chosen. */
export function TestMail({ campaign }: { campaign: CampaignDetail }): ReactNode {
  const { gateway } = useDesk();
  const type = useAsk<TypeDetail>("type", { type: campaign.type });
  const [to, setTo] = useState("");
  const [variant, setVariant] = useState("");
  const [locale, setLocale] = useState("");
  const [errors, setErrors] = useState<Errors>(NONE);
  const languages = [
    ...new Set([campaign, ...campaign.variants].flatMap(({ texts }) => Object.keys(texts))),
    ...(type.data?.locales ?? []),
  ];
  const test = async () => {
    try {
      await gateway.ask("campaign_test", {
        campaign: campaign.id,
        to: [to.trim()],
        ...(variant && { variant }),
        ...(locale && { locale }),
      });
      setErrors(NONE);
      toast(`The mail is on its way to ${to.trim()}`, "good");
    } catch (failure) {
      const { errors, message } = refusal(failure);
      setErrors(Object.keys(errors).length ? errors : { to: [message] });
    }
  };
  const { variant: ofVariant, locale: ofLocale, ...rest } = errors;
  return (
    <form
      className="campaign-test"
      onSubmit={(event) => {
        event.preventDefault();
        void test();
      }}
    >
      <Field label="Send a test to" error={Object.values(rest).flat().join(" ") || null}>
        {(given) => (
          <input
            {...given}
            type="email"
            value={to}
            placeholder="me@example.org"
            autoComplete="email"
            onChange={(event) => setTo(event.target.value)}
          />
        )}
      </Field>
      {campaign.variants.length ? (
        <Field label="Variant" error={ofVariant?.join(" ") ?? null}>
          {(given) => (
            <select
              {...given}
              value={variant || campaign.variants[0]?.name}
              onChange={(event) => setVariant(event.target.value)}
            >
              {campaign.variants.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Field>
      ) : null}
      <Field label="Language" error={ofLocale?.join(" ") ?? null}>
        {(given) => (
          <select {...given} value={locale} onChange={(event) => setLocale(event.target.value)}>
            <option value="">The catalog’s own</option>
            {[...new Set(languages)].sort().map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </Field>
      <button type="submit" className="button" disabled={to.trim() === ""}>
        <Icon name="mail" />
        Send test
      </button>
    </form>
  );
}
