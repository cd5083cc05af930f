/** The words of the element in other languages than English, each of which is fetched by those pages alone that are in it. */

import type { Strings } from "./strings.ts";

const LANGUAGES: Readonly<Record<string, () => Promise<Strings>>> = {
  ar: async () => (await import("./words/ar.ts")).ARABIC,
  de: async () => (await import("./words/de.ts")).GERMAN,
  es: async () => (await import("./words/es.ts")).SPANISH,
  fr: async () => (await import("./words/fr.ts")).FRENCH,
};

/** The words of a language such as `de-AT`; undefined where it is English, or none of ours. */
export const wordsOf = (language: string): Promise<Strings> | undefined =>
  LANGUAGES[language.toLowerCase().split("-")[0] as string]?.();
