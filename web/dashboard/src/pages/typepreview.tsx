import { type ReactNode, useId, useMemo, useState } from "react";
import { type Judged, useJudged } from "../judge.ts";
import { For } from "../may.tsx";
import type { TypeDetail, TypeMail, TypePreview } from "../protocol.ts";
import { href } from "../route.ts";
import { sentence } from "../schema.ts";
import { Chip, Empty, Waiting } from "../ui/bits.tsx";
import { Explain } from "../ui/explain.tsx";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { InboxItem } from "../ui/inboxitem.tsx";
import { MailView } from "../ui/mailview.tsx";
import { SchemaForm } from "../ui/schemaform.tsx";
import { figure } from "../words.ts";

const NO_DATA: object = {};

/** What a reader would get of a type, by an example or by data written here; and for a user, why. */
export function TypePreviewer({ type }: { type: TypeDetail }): ReactNode {
  const [example, setExample] = useState(0);
  /** Null while an example stands as it is. */
  const [data, setData] = useState<object | null>(null);
  const [locale, setLocale] = useState("");
  const [user, setUser] = useState("");
  const [variant, setVariant] = useState("");
  const shown = data ?? type.examples[example] ?? NO_DATA;
  const question = useMemo(
    () => ({
      type: type.type,
      ...(data === null && type.examples.length ? { example } : { data: shown }),
      ...(locale && { locale }),
      ...(user.trim() && { user: user.trim() }),
      ...(variant && { variant }),
    }),
    [type.type, type.examples.length, data, example, shown, locale, user, variant],
  );
  const judged = useJudged<TypePreview>("preview_type", question);
  return (
    <div className="try">
      <section className="card form try-form" aria-label="What to show">
        <div className="pair">
          <Field label="Data" error={null}>
            {(given) => (
              <select
                {...given}
                value={data === null ? example : -1}
                onChange={(event) => {
                  setExample(Number(event.target.value));
                  setData(null);
                }}
              >
                {data === null && type.examples.length ? null : <option value={-1}>Written here</option>}
                {type.examples.map((one, index) => (
                  <option key={JSON.stringify(one)} value={index}>
                    Example {index + 1}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Language" error={judged.errors.locale?.join(" ") ?? null}>
            {(given) => (
              <select {...given} value={locale} onChange={(event) => setLocale(event.target.value)}>
                <option value="">{user.trim() ? "The user’s" : "The catalog’s own"}</option>
                {type.locales.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </Field>
        </div>
        {type.experiment ? (
          <Field label="Variant" error={judged.errors.variant?.join(" ") ?? null}>
            {(given) => (
              <select {...given} value={variant} onChange={(event) => setVariant(event.target.value)}>
                <option value="">{user.trim() ? "The user’s" : "What everybody gets"}</option>
                {type.experiment?.variants.map((one) => (
                  <option key={one.name}>{one.name}</option>
                ))}
              </select>
            )}
          </Field>
        ) : null}
        <Field
          label="For the user"
          hint="An id: what would reach them now is explained, gate by gate"
          error={judged.errors.user?.join(" ") ?? null}
        >
          {(given) => (
            <input
              {...given}
              value={user}
              placeholder="nobody in particular"
              autoComplete="off"
              onChange={(event) => setUser(event.target.value)}
            />
          )}
        </Field>
        <div className="try-data">
          <SchemaForm
            schema={type.schema}
            value={shown}
            errors={judged.errors}
            change={(next) => setData(next as object)}
          />
        </div>
        <footer className="form-foot">
          <span className="soft">{judged.answer ? `Shown in ${judged.answer.locale}` : ""}</span>
          <For event="emit">
            <a
              className="button"
              href={href({ page: "compose", to: user.trim() && `user:${user.trim()}`, type: type.type })}
            >
              <Icon name="compose" />
              Compose one
            </a>
          </For>
        </footer>
      </section>
      <Result judged={judged} user={user.trim()} />
    </div>
  );
}

/** What came of it: the item, the mail, and what is wrong. */
export function Result({ judged, user }: { judged: Judged<TypePreview>; user: string }): ReactNode {
  const { answer, errors, problem, settled } = judged;
  const item = useId();
  const wrongs = Object.entries(errors);
  if (answer === null && wrongs.length) return <Wrongs errors={errors} />;
  if (answer === null)
    return (
      <section className="card" aria-label="Preview">
        {problem ? (
          <Empty icon="alert" title="There is nothing to show">
            {problem}
          </Empty>
        ) : (
          <Waiting lines={6} />
        )}
      </section>
    );
  return (
    <div className="try-result" aria-busy={!settled}>
      {user && answer.explain.length ? <Explain explained={answer.explain} user={user} /> : null}
      <section className="card" aria-labelledby={item}>
        <header className="card-head">
          <h2 id={item}>
            <Icon name="bell" />
            In the inbox
          </h2>
          {answer.item?.category ? <Chip>{answer.item.category}</Chip> : null}
        </header>
        {answer.item ? (
          <InboxItem item={answer.item} />
        ) : (
          <p className="soft unchanged">This type is not shown in inboxes.</p>
        )}
        {answer.item?.link ? <p className="item-link mono soft">{answer.item.link}</p> : null}
      </section>
      {answer.mail ? (
        <MailView mail={answer.mail}>
          <Weight mail={answer.mail} />
        </MailView>
      ) : (
        <section className="card" aria-label="Mail">
          <Empty icon="mail" title="No mail to show">
            {sentence(answer.problem ?? "this type sends none")}
          </Empty>
        </section>
      )}
    </div>
  );
}

/** How heavy a mail is, what it was made by, and what is to be seen to. */
function Weight({ mail }: { mail: TypeMail }): ReactNode {
  return (
    <div className="mailview-facts">
      <span>
        <b>{figure(Math.round(mail.bytes / 102.4) / 10)} KB</b> of HTML
      </span>
      {mail.templates.length ? (
        <span>
          by <span className="mono">{mail.templates.join(", ")}</span>
        </span>
      ) : null}
      {mail.warnings.length ? (
        <ul className="mail-warnings">
          {mail.warnings.map((warning) => (
            <li key={warning}>
              <Icon name="alert" />
              {sentence(warning)}
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

/** All that is wrong, told beside the form as well: on a phone its fields are out of sight. */
export function Wrongs({ errors }: { errors: Readonly<Record<string, readonly string[]>> }): ReactNode {
  return (
    <section className="card" aria-label="What is wrong">
      <ul className="wrongs">
        {Object.entries(errors).map(([field, texts]) => (
          <li key={field}>
            {field ? <b className="mono">{field.replace(/^\/data\//, "").replaceAll("/", " › ")}</b> : null}{" "}
            {texts.map(sentence).join(" ")}
          </li>
        ))}
      </ul>
    </section>
  );
}
