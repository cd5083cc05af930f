/** What a campaign says in its own words and tries in several ways, as it is written down and as the gateway is asked for it. */

/** What is said in one language. */
export type Said = Readonly<Record<"subject" | "title" | "body", string>>;

/** By language; what is not there, or empty, another says. */
export type Texts = Readonly<Record<string, Said>>;

export const NOTHING: Said = { subject: "", title: "", body: "" };

/** Another way to say it; what it leaves out is as in the first. */
export interface Way {
  /** By which it is known while it is written, whatever its name. */
  readonly key: number;
  readonly name: string;
  readonly texts: Texts;
  readonly localTime: string;
}

/** Words of its own, other ways that some get to try them, and the plan; figures as people write them, in percent. */
export interface TrialAsked {
  readonly texts: Texts;
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
  texts: {},
  others: [],
  metric: "click",
  share: "20",
  holdout: "0",
  baseline: "5",
  effect: "2",
  hours: "24",
};

/** The first one included. */
export const MOST = 8;
const NAMES = [..."abcdefgh"];
/** The first one, which is the campaign as it is. */
export const FIRST = "a";

/** With one way more, under the first letter that none has. */
export function withAnother(asked: TrialAsked): TrialAsked {
  const taken = new Set([FIRST, ...asked.others.map(({ name }) => name)]);
  const name = NAMES.find((one) => !taken.has(one)) ?? "";
  const key = Math.max(0, ...asked.others.map((one) => one.key)) + 1;
  return {
    ...asked,
    others: [...asked.others, { key, name, texts: {}, localTime: "" }],
  };
}

/** What it says in its own words, and in which ways: as `create_campaign` and `preview_type` are told. */
export function ownWords(asked: TrialAsked): object {
  return {
    ...textsOf(asked.texts),
    ...(asked.others.length && {
      variants: [
        { name: FIRST },
        ...asked.others.map(({ name, texts, localTime }) => ({
          name: name.trim(),
          ...textsOf(texts),
          ...(localTime && { local_time: localTime }),
        })),
      ],
    }),
  };
}

/** How the ways are tried, as `create_campaign` is told; nothing where there is but one. */
export function planOf(asked: TrialAsked): object {
  if (asked.others.length === 0) return {};
  return {
    experiment: {
      metric: asked.metric,
      share: Number(asked.share),
      holdout: Number(asked.holdout),
      baseline: Number(asked.baseline) / 100,
      effect: Number(asked.effect) / 100,
      hours: Number(asked.hours),
    },
  };
}

function textsOf(texts: Texts): { texts?: object } {
  const written = Object.entries(texts)
    .map(([language, said]) => [language, filled(said)] as const)
    .filter(([, said]) => Object.keys(said).length);
  return written.length ? { texts: Object.fromEntries(written) } : {};
}

function filled(said: Said): Partial<Said> {
  const trimmed = Object.entries(said).map(([name, text]) => [name, text.trim()] as const);
  return Object.fromEntries(trimmed.filter(([, text]) => text !== ""));
}

/** With what is said in this language changed; the others stay. */
export function saying<T extends { readonly texts: Texts }>(
  of: T,
  language: string,
  change: Partial<Said>,
): T {
  const said = { ...NOTHING, ...of.texts[language], ...change };
  return { ...of, texts: { ...of.texts, [language]: said } };
}
