/** The list of suppressions as a file: written as `bellhop suppressions export` does, read as it imports. */

import { rows } from "./csv.ts";
import { meant } from "./download.ts";
import { Refusal } from "./gateway.ts";
import type { Suppression } from "./protocol.ts";
import { REASON_VALUES } from "./shapes.ts";

const COLUMNS = [
  "address",
  "scope",
  "reason",
  "source",
  "mail",
  "code",
  "diagnostic",
  "created_at",
  "expires_at",
] as const;
/** What other senders call the column of addresses. */
const ALIASES = ["email", "email address", "emailaddress", "recipient"];
const EVIDENCE = ["mail", "code", "diagnostic"];
const REASONS: readonly string[] = REASON_VALUES;
/** Of what a server has said, the gateway takes as many. */
const CHARACTERS_OF_WORDS = 1_000;
/** In one question, of which a connection takes 64 KiB. */
export const AT_ONCE = 100;
const CHARACTERS_AT_ONCE = 24_000;

export type Item = Record<string, string | Record<string, string>>;

export interface Line {
  readonly line: number;
  readonly item: Item;
}

export interface Mistake {
  readonly line: number;
  readonly problem: string;
}

/** What came of an import. */
export interface Imported {
  readonly read: number;
  readonly fresh: number;
  readonly mistakes: readonly Mistake[];
}

/** The list as the rows of a file. */
export function sheetOf(suppressions: readonly Suppression[]): (readonly string[])[] {
  return [
    COLUMNS,
    ...suppressions.map((each) => [
      each.address,
      each.scope,
      each.reason,
      each.source,
      each.evidence.mail ?? "",
      each.evidence.code ?? "",
      each.evidence.diagnostic ?? "",
      each.created_at,
      each.expires_at ?? "",
    ]),
  ];
}

/** The lines of a file; null for one whose first line names no column of addresses. */
export function read(file: string): Line[] | null {
  const [head, ...rest] = rows(file);
  const given = (head?.cells ?? []).map((name) => name.trim().toLowerCase());
  // One alone: beside "Email Address" other senders have an "Address" of streets.
  const column = [...ALIASES, "address"].find((name) => given.includes(name));
  if (column === undefined) return null;
  const names = given.map((name) => (name === column ? "address" : name === "address" ? "" : name));
  return rest.map(({ line, cells }) => ({ line, item: item(names, cells) }));
}

function item(names: readonly string[], cells: readonly string[]): Item {
  const given: Item = {};
  const evidence: Record<string, string> = {};
  names.forEach((name, at) => {
    const value = meant(cells[at]?.trim() ?? "");
    if (value === "") return;
    if (EVIDENCE.includes(name)) evidence[name] = value;
    else if (name === "reason") {
      // Other senders have words of their own, or those of the server that has refused.
      if (REASONS.includes(value.toLowerCase())) given[name] = value.toLowerCase();
      else evidence.diagnostic ??= value.slice(0, CHARACTERS_OF_WORDS);
    } else if (["address", "scope", "expires_at"].includes(name)) given[name] = value;
  });
  return Object.keys(evidence).length ? { ...given, evidence } : given;
}

/** The lines in parts that a question takes. */
export function parts(lines: readonly Line[]): Line[][] {
  const found: Line[][] = [];
  let size = 0;
  for (const line of lines) {
    const more = JSON.stringify(line.item).length;
    const part = found.at(-1);
    if (part === undefined || part.length >= AT_ONCE || size + more > CHARACTERS_AT_ONCE) {
      found.push([line]);
      size = more;
    } else {
      part.push(line);
      size += more;
    }
  }
  return found;
}

/** Ask for each part; of a part that is refused, for what is not wrong in it. Rejects with any other `Refusal`. */
export async function imported(
  lines: readonly Line[],
  ask: (items: readonly Item[]) => Promise<number>,
  told: (read: number) => void = () => {},
): Promise<Imported> {
  let [done, fresh] = [0, 0];
  const mistakes: Mistake[] = [];
  for (const part of parts(lines)) {
    let left: readonly Line[] = part;
    while (left.length) {
      try {
        fresh += await ask(left.map((line) => line.item));
        break;
      } catch (error) {
        const wrong = wrongOnes(left, error);
        if (wrong.length === 0) throw error;
        mistakes.push(...wrong);
        left = left.filter(({ line }) => !wrong.some((mistake) => mistake.line === line));
      }
    }
    done += part.length;
    told(done);
  }
  return { read: done - mistakes.length, fresh, mistakes };
}

/** Which lines a refusal is about: `suppressions.3.address` is the fourth. */
function wrongOnes(lines: readonly Line[], error: unknown): Mistake[] {
  const found = new Map<number, string>();
  for (const [place, problems] of Object.entries(error instanceof Refusal ? error.errors : {})) {
    const [, at, ...field] = place.split(".");
    const line = lines[Number(at)]?.line;
    if (at && line !== undefined && !found.has(line)) found.set(line, [...field, ...problems].join(" "));
  }
  return [...found].map(([line, problem]) => ({ line, problem }));
}
