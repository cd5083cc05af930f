/** What a notification says, by its own words or by the data of a type of the catalog, and how it is mailed. */

import type { ReactNode } from "react";
import { type Draft, errorOf, type Mailing } from "../draft.ts";
import type { Errors } from "../judge.ts";
import type { TypeDetail } from "../protocol.ts";
import type { Json } from "../schema.ts";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { SchemaForm } from "../ui/schemaform.tsx";

export interface Writing {
  readonly draft: Draft;
  readonly set: <K extends keyof Draft>(name: K, value: Draft[K]) => void;
  /** What is wrong with a field that was touched. */
  readonly wrong: (name: keyof Draft, field?: string) => string | null;
}

export function Words({ draft, set, wrong }: Writing): ReactNode {
  return (
    <>
      <Field label="Title" error={wrong("title")}>
        {(given) => (
          <input
            {...given}
            dir="auto"
            value={draft.title}
            maxLength={200}
            onChange={(event) => set("title", event.target.value)}
          />
        )}
      </Field>
      <Field label="Text" note={`${draft.body.length} / 4000`} error={wrong("body")}>
        {(given) => (
          <textarea
            {...given}
            dir="auto"
            rows={4}
            value={draft.body}
            maxLength={4000}
            onChange={(event) => set("body", event.target.value)}
          />
        )}
      </Field>
      <Field label="Link" hint="A path of the shop, or an https address" error={wrong("link")}>
        {(given) => (
          <input
            {...given}
            value={draft.link}
            placeholder="/orders/1234"
            autoComplete="off"
            onChange={(event) => set("link", event.target.value)}
          />
        )}
      </Field>
    </>
  );
}

const MAILINGS: readonly { value: Mailing; label: string }[] = [
  { value: "default", label: "As the catalog says" },
  { value: "yes", label: "Mail it" },
  { value: "no", label: "No mail this time" },
];

export function Catalogued(props: Writing & { errors: Errors; detail: TypeDetail; form: Json }): ReactNode {
  const { draft, set, wrong, detail, errors, form } = props;
  const fill = (value: Json) => set("filled", { type: detail.type, value });
  const own = Boolean(draft.title || draft.body || draft.link);
  return (
    <>
      <fieldset className="inset data">
        <legend>Data</legend>
        {detail.examples.length > 1 ? (
          <div className="examples">
            <span className="soft small">Fill in</span>
            {detail.examples.map((example, index) => (
              <button
                key={JSON.stringify(example)}
                type="button"
                className="button small"
                onClick={() => fill(example)}
              >
                Example {index + 1}
              </button>
            ))}
          </div>
        ) : null}
        <SchemaForm schema={detail.schema} value={form} errors={errors} change={fill} />
      </fieldset>
      <div className="pair">
        <Field label="Language" error={errorOf(errors, "locale")}>
          {(given) => (
            <select {...given} value={draft.locale} onChange={(event) => set("locale", event.target.value)}>
              <option value="">The reader’s own</option>
              {detail.locales.map((locale) => (
                <option key={locale}>{locale}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Mail" error={draft.mail === "yes" ? null : wrong("mail", "email")}>
          {(given) => (
            <select
              {...given}
              value={draft.mail}
              onChange={(event) => set("mail", event.target.value as Mailing)}
            >
              {MAILINGS.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <details className="own-words" open={own || undefined}>
        <summary>
          <Icon name="next" />
          Words of one’s own, instead of the catalog’s
        </summary>
        <Words {...props} />
      </details>
    </>
  );
}

export function MailFields({ draft, set, wrong, errors }: Writing & { errors: Errors }): ReactNode {
  const whole = errorOf(errors, "email");
  return (
    <div className="inset">
      {whole && !errorOf(errors, "email.to") ? <p className="problem">{whole}</p> : null}
      <div className="pair">
        <Field label="Address" error={wrong("mailTo", "email.to")}>
          {(given) => (
            <input
              {...given}
              value={draft.mailTo}
              placeholder="their own"
              autoComplete="off"
              onChange={(event) => set("mailTo", event.target.value)}
            />
          )}
        </Field>
        <Field label="Subject" error={wrong("subject", "email.subject")}>
          {(given) => (
            <input
              {...given}
              value={draft.subject}
              placeholder="the title"
              onChange={(event) => set("subject", event.target.value)}
            />
          )}
        </Field>
      </div>
      <div className="pair">
        <Field label="After minutes" error={wrong("afterMinutes", "email.after")}>
          {(given) => (
            <input
              {...given}
              inputMode="decimal"
              value={draft.afterMinutes}
              placeholder="0"
              onChange={(event) => set("afterMinutes", event.target.value)}
            />
          )}
        </Field>
        <Field label="Unless by then it was" error={wrong("unless", "email.unless")}>
          {(given) => (
            <select
              {...given}
              value={draft.unless}
              onChange={(event) => set("unless", event.target.value as Draft["unless"])}
            >
              <option value="">(always send)</option>
              <option value="read">read</option>
              <option value="seen">seen</option>
              <option value="online">shown: they are online</option>
            </select>
          )}
        </Field>
      </div>
    </div>
  );
}
