/** What the table of the preferences says: a row for each category, and for the types that differ from it. Pure. */

import { CHANNELS, type Channel, type Wish } from "../preferences.ts";
import type { PreferencesAnswer, RowAnswer } from "../shapes.ts";

/** Where what a cell says comes from; `mixed`: not all of a category are alike; `types`: each has a choice of its own. */
export type From = "chosen" | "default" | "channel" | "locked" | "mixed" | "types";

export interface Cell {
  /** The path of a choice, such as `categories.offers.email`. */
  readonly place: string;
  /** Null: not all are alike. */
  readonly value: Wish | null;
  readonly from: From;
  /** Whether its mail comes in no digest. */
  readonly alone?: boolean;
}

export interface Line {
  readonly kind: "all" | "category" | "type";
  readonly key: string;
  /** In the person's language; empty for a type that the catalog has no name for. */
  readonly name: string;
  readonly cells: Readonly<Record<Channel, Cell>>;
  /** Of a category: whether it has several types. */
  readonly several: boolean;
}

const byChannel = (cell: (channel: Channel) => Cell): Line["cells"] =>
  Object.fromEntries(CHANNELS.map((channel) => [channel, cell(channel)])) as Line["cells"];

/** The lines in their order; `open` has the keys of categories of which all types are shown. */
export function lines(chosen: PreferencesAnswer, open: ReadonlySet<string>): Line[] {
  const categories = new Map<string, RowAnswer[]>();
  for (const row of chosen.grid) categories.set(row.category, [...(categories.get(row.category) ?? []), row]);
  const all: Line = {
    kind: "all",
    key: "",
    name: "",
    several: false,
    cells: byChannel((channel) => {
      const value = chosen.channels[channel];
      return {
        place: `channels.${channel}`,
        value: value ?? true,
        from: value === undefined ? "default" : "chosen",
      };
    }),
  };
  return [
    all,
    ...[...categories].flatMap(([key, rows]) => [
      category(chosen, key, rows),
      ...rows.filter((row) => open.has(key) || isOther(chosen, row, rows)).map((row) => type(chosen, row)),
    ]),
  ];
}

/** Whether its category does not say what holds for a type: it has a choice of its own, or there is none. */
function isOther(chosen: PreferencesAnswer, row: RowAnswer, rows: readonly RowAnswer[]): boolean {
  const isLocked = row.channels.email.locked;
  return row.type in chosen.types || (isLocked && rows.some((other) => !other.channels.email.locked));
}

function category(chosen: PreferencesAnswer, key: string, rows: readonly RowAnswer[]): Line {
  return {
    kind: "category",
    key,
    name: rows[0]?.name ?? key,
    several: rows.length > 1,
    cells: byChannel((channel) => {
      const place = `categories.${key}.${channel}`;
      const free = rows.map((row) => row.channels[channel]).filter((cell) => !cell.locked);
      if (!free.length)
        return { place, value: allAlike(rows.map((row) => row.channels[channel].value)), from: "locked" };
      // Those of their own are rows of their own.
      const plain = free.filter((cell) => cell.from !== "type");
      const of = plain.length ? plain : free;
      const value = allAlike(of.map((cell) => cell.value));
      const alone = free.every((cell) => cell.digests === false);
      if (of[0]?.from === "channel") return { place, value, from: "channel" };
      const own = chosen.categories[key]?.[channel];
      if (own !== undefined) return { place, value: own, from: "chosen", alone };
      if (!plain.length) return { place, value, from: "types", alone };
      return { place, value, from: value === null ? "mixed" : "default", alone };
    }),
  };
}

function type(chosen: PreferencesAnswer, row: RowAnswer): Line {
  return {
    kind: "type",
    key: row.type,
    name: row.type_name ?? "",
    several: false,
    cells: byChannel((channel) => {
      const { locked, from, digests } = row.channels[channel];
      const own = chosen.types[row.type]?.[channel] !== undefined;
      return {
        place: `types.${row.type}.${channel}`,
        value: row.channels[channel].value,
        from: locked ? "locked" : from === "channel" ? "channel" : own ? "chosen" : "default",
        alone: digests === false,
      };
    }),
  };
}

const allAlike = (values: readonly Wish[]): Wish | null =>
  values.every((value) => value === values[0]) ? (values[0] ?? true) : null;
