/** From what the gateway has counted to funnels, charts, tables and a file. */

import { text } from "./csv.ts";
import type { StatsCounts, StatsRow } from "./protocol.ts";
import type { Window } from "./series.ts";

export const SPANS = ["24h", "7d", "30d", "1y"] as const;
export type Span = (typeof SPANS)[number];
export type Outcome = keyof StatsCounts;
export type Channel = "in_app" | "email" | "shared";
export const NAMES: Readonly<Record<Channel, string>> = {
  in_app: "In-app",
  email: "Mail",
  shared: "Shared rooms",
};

/** What the types are called in sum that are not counted one by one. */
export const OTHERS = "*";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of a file: more rows than this stretch has, the gateway does not tell at once. */
const STRETCH_DAYS = 28;

export interface Period {
  readonly step: "hour" | "day";
  /** A bucket is a step, or several. */
  readonly window: Window;
  readonly per: string;
}

const LENGTHS: Record<Span, readonly [step: "hour" | "day", bucketMs: number, count: number, per: string]> = {
  "24h": ["hour", HOUR_MS, 24, "by hour"],
  "7d": ["day", DAY_MS, 7, "by day"],
  "30d": ["day", DAY_MS, 30, "by day"],
  "1y": ["day", 7 * DAY_MS, 52, "by week"],
};

/** The time that ends with the hour, or the day, that holds `now`. */
export function periodOf(span: Span, now: number): Period {
  const [step, bucketMs, count, per] = LENGTHS[span];
  const stepMs = step === "hour" ? HOUR_MS : DAY_MS;
  const end = (Math.floor(now / stepMs) + 1) * stepMs;
  return { step, per, window: { start: end - count * bucketMs, bucketMs, count } };
}

/** What a channel's notifications go through, the first for the whole; and where else they may end. */
export const STEPS: Record<Channel, readonly Outcome[]> = {
  in_app: ["emitted", "delivered", "seen", "read", "clicked"],
  email: ["accepted", "sent", "delivered", "clicked"],
  shared: ["emitted", "delivered", "seen", "read", "clicked"],
};
export const ENDS: Record<Channel, readonly Outcome[]> = {
  in_app: ["skipped"],
  email: ["skipped", "bounced", "complained", "dead"],
  shared: [],
};
/** What is only known where somebody tells it: of these a 0 says nothing. */
const HEARSAY: Record<Channel, readonly Outcome[]> = {
  in_app: ["clicked"],
  email: ["delivered", "clicked"],
  shared: ["clicked"],
};

/** All of these rows together. */
export function together(rows: readonly StatsRow[]): StatsCounts {
  const total: Record<string, number> = {};
  for (const { counts } of rows)
    for (const [outcome, count] of Object.entries(counts)) total[outcome] = (total[outcome] ?? 0) + count;
  return total;
}

/** The outcomes of a channel that there is something to say of. */
export function told(channel: Channel, counts: StatsCounts): readonly Outcome[] {
  return STEPS[channel].filter((outcome) => counts[outcome] || !HEARSAY[channel].includes(outcome));
}

/** The part of the whole that came so far; null where there is no whole, or none to be a part of. */
export function share(channel: Channel, counts: StatsCounts, outcome: Outcome): number | null {
  const whole = counts[STEPS[channel][0] ?? "emitted"];
  return channel === "shared" || !whole ? null : (counts[outcome] ?? 0) / whole;
}

/** A value for each bucket: what of the outcome was counted in it. */
export function curve(window: Window, rows: readonly StatsRow[], outcome: Outcome): number[] {
  const values = Array.from({ length: window.count }, () => 0);
  for (const { at, counts } of rows) {
    const bucket = Math.floor((Date.parse(at ?? "") - window.start) / window.bucketMs);
    if (bucket in values) values[bucket] = (values[bucket] ?? 0) + (counts[outcome] ?? 0);
  }
  return values;
}

/** When a bucket is, as a chart's side and its tip say it. */
export function named(period: Period, at: number): string {
  if (period.step === "hour")
    return new Date(at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
  return new Date(at).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** The buckets that are named below a chart: five or six at most. */
export function ticks({ window: { count } }: Period): number[] {
  const every = Math.ceil(count / 5);
  return Array.from({ length: count }, (_, index) => index).filter(
    (index) => index % every === Math.floor(every / 2),
  );
}

/** The stretches of the time that are asked for one by one, to be written to a file. */
export function stretches({ step, window }: Period): { from: string; to: string }[] {
  const end = window.start + window.count * window.bucketMs;
  const length = step === "hour" ? end - window.start : STRETCH_DAYS * DAY_MS;
  const found: { from: string; to: string }[] = [];
  for (let from = window.start; from < end; from += length)
    found.push({ from: iso(from), to: iso(Math.min(from + length, end)) });
  return found;
}

const COLUMNS: readonly Outcome[] = [
  "emitted",
  "accepted",
  "sent",
  "delivered",
  "seen",
  "read",
  "clicked",
  "bounced",
  "complained",
  "skipped",
  "dead",
];

/** The rows as a file, the oldest first; with columns for what tells variants apart, where they are told apart. */
export function written(rows: readonly StatsRow[]): string {
  const dimensions: readonly Dimension[] = rows.some(({ variant }) => variant !== undefined)
    ? ["type", "channel", "campaign", "variant"]
    : ["type", "channel"];
  return text([
    ["at", ...dimensions, ...COLUMNS],
    ...rows.map((row) => [
      row.at ?? "",
      ...dimensions.map((dimension) => row[dimension] ?? ""),
      ...COLUMNS.map((outcome) => String(row.counts[outcome] ?? 0)),
    ]),
  ]);
}

type Dimension = "type" | "channel" | "campaign" | "variant";

/** What was told in several ways in one channel: by the type itself, or in one of its campaigns. */
export interface Told {
  readonly channel: Channel;
  /** Empty: by the type itself. */
  readonly campaign: string;
  readonly rows: readonly StatsRow[];
}

/** Of rows by channel, campaign and variant those of which there are variants, the newest campaign first. */
export function inVariants(rows: readonly StatsRow[], channels: readonly Channel[]): readonly Told[] {
  const campaigns = [...new Set(rows.map(({ campaign = "" }) => campaign))];
  // The ids of campaigns begin with the time at which they were made.
  campaigns.sort((one, other) => Number(one !== "") - Number(other !== "") || (one < other ? 1 : -1));
  return campaigns.flatMap((campaign) =>
    channels
      .map((channel) => ({
        channel,
        campaign,
        rows: rows.filter((row) => row.channel === channel && (row.campaign ?? "") === campaign),
      }))
      .filter((told) => told.rows.some(({ variant }) => variant)),
  );
}

export const iso = (at: number): string => new Date(at).toISOString();
