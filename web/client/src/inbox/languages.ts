/** The words of the element in other languages than English, each of which is fetched by those pages alone that are in it. */

import type { Strings } from "./strings.ts";

export const LANGUAGES: Readonly<Record<string, () => Promise<Strings>>> = {
  ar: async () => (await import("./words/ar.ts")).ARABIC,
  de: async () => (await import("./words/de.ts")).GERMAN,
  es: async () => (await import("./words/es.ts")).SPANISH,
  fr: async () => (await import("./words/fr.ts")).FRENCH,
};
