import type { ReactNode } from "react";
import { Field } from "../ui/field.tsx";
import { useGrowing } from "../ui/growing.ts";
import { Icon } from "../ui/icons.tsx";

type Kind = "import" | "topic" | "users";

/** One that a user must have. */
export interface Attribute {
  /** By which it is known while it is written. */
  readonly key: number;
  readonly name: string;
  readonly value: string;
}

/** For whom a campaign is; what another kind asks for is kept, and not told. */
export interface AudienceAsked {
  readonly kind: Kind;
  readonly topic: string;
  /** Of `users`, those who read it; empty: any. */
  readonly locale: string;
  readonly attributes: readonly Attribute[];
}

export const IMPORTED: AudienceAsked = { kind: "import", topic: "", locale: "", attributes: [] };

/** As many as the gateway takes. */
const MOST = 20;

/** What `create_campaign` is told of it. */
export function audienceAsked({ kind, topic, locale, attributes }: AudienceAsked): unknown {
  if (kind === "import") return "import";
  if (kind === "topic") return { topic };
  const named = attributes.map(({ name, value }) => [name.trim(), plain(value)]);
  return {
    users: { ...(locale && { locale }), ...(named.length && { attributes: Object.fromEntries(named) }) },
  };
}

/** JSON, or else the text itself: `5` is a number, `pro` and `"5"` are texts. */
function plain(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

/** Whether one before it has its name: of the two only one could count. */
export function isTwice(attributes: readonly Attribute[], place: number): boolean {
  const name = attributes[place]?.name.trim();
  return name !== "" && attributes.findIndex((one) => one.name.trim() === name) < place;
}

export function AudienceFields(props: {
  asked: AudienceAsked;
  change: (asked: AudienceAsked) => void;
  locales: readonly string[];
  error: string | null;
}): ReactNode {
  const { asked, change } = props;
  return (
    <>
      <div className="pair">
        <Field label="For whom" error={props.error}>
          {(given) => (
            <select
              {...given}
              value={asked.kind}
              onChange={(event) => change({ ...asked, kind: event.target.value as Kind })}
            >
              <option value="import">Those I import</option>
              <option value="topic">The members of a topic</option>
              <option value="users">All users</option>
            </select>
          )}
        </Field>
        {asked.kind === "topic" ? (
          <Field label="Topic" required error={null}>
            {(given) => (
              <input
                {...given}
                value={asked.topic}
                autoComplete="off"
                onChange={(event) => change({ ...asked, topic: event.target.value })}
              />
            )}
          </Field>
        ) : null}
        {asked.kind === "users" ? (
          <Field label="Readers of" hint={asked.locale ? "The others get nothing" : undefined} error={null}>
            {(given) => (
              <select
                {...given}
                value={asked.locale}
                onChange={(event) => change({ ...asked, locale: event.target.value })}
              >
                <option value="">Any language</option>
                {props.locales.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </Field>
        ) : null}
      </div>
      {asked.kind === "users" ? <Attributes asked={asked} change={change} /> : null}
    </>
  );
}

function Attributes(props: { asked: AudienceAsked; change: (asked: AudienceAsked) => void }): ReactNode {
  const { asked, change } = props;
  const { attributes } = asked;
  const growing = useGrowing();
  const set = (attribute: Attribute) =>
    change({ ...asked, attributes: attributes.map((one) => (one.key === attribute.key ? attribute : one)) });
  return (
    <fieldset className="inset">
      <legend>Attributes</legend>
      <p className="hint">
        {attributes.length ? "Those who have all of these." : "All, whatever you have told of them."}
      </p>
      {attributes.map((one, place) => (
        <div key={one.key} className="entry">
          <div className="pair">
            <Field label="Attribute" error={isTwice(attributes, place) ? "It is there already." : null}>
              {(given) => (
                <input
                  {...given}
                  required
                  value={one.name}
                  autoComplete="off"
                  ref={(input) => growing.arrived(one.key, input)}
                  onChange={(event) => set({ ...one, name: event.target.value })}
                />
              )}
            </Field>
            <Field label="Is" hint={place ? undefined : 'pro, 5, true; "5" is a text'} error={null}>
              {(given) => (
                <input
                  {...given}
                  required
                  value={one.value}
                  autoComplete="off"
                  onChange={(event) => set({ ...one, value: event.target.value })}
                />
              )}
            </Field>
          </div>
          <button
            type="button"
            className="icon-button remove"
            title="Remove"
            aria-label={`Remove the attribute ${one.name}`}
            onClick={() => {
              growing.removed();
              change({ ...asked, attributes: attributes.filter(({ key }) => key !== one.key) });
            }}
          >
            <Icon name="trash" />
          </button>
        </div>
      ))}
      {attributes.length < MOST ? (
        <button
          ref={growing.adds}
          type="button"
          className="button small add"
          onClick={() => {
            const key = Math.max(0, ...attributes.map((one) => one.key)) + 1;
            growing.added(key);
            change({ ...asked, attributes: [...attributes, { key, name: "", value: "" }] });
          }}
        >
          <Icon name="plus" />
          Add an attribute
        </button>
      ) : null}
    </fieldset>
  );
}
