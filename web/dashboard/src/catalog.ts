/** The catalog as the pages show it: its types by category, what is on, and what was switched, in words. */

import type { Category, Change, Channel, TypeSummary, Types } from "./protocol.ts";
import { figure, humane } from "./words.ts";

export type ChannelName = keyof TypeSummary["channels"];
export const CHANNELS: readonly ChannelName[] = ["in_app", "email"];
const NAMES: Record<string, string> = { in_app: "Inbox", email: "Mail" };

export const channelName = (channel: string): string => NAMES[channel] ?? humane(channel);

/** Of a bucket, which is drawn from 0 to one below. */
const BUCKETS = 10_000;

export interface Group {
  readonly key: string;
  readonly name: string;
  readonly types: readonly (readonly [string, TypeSummary])[];
}

/** The types by category, in the order of the catalog; those without one stand last. */
export function grouped({ categories = [], types, default_locale }: Types): readonly Group[] {
  const entries = Object.entries(types);
  const held = [...categories].sort((one, other) => one.order - other.order);
  const groups = held.map((category) => ({
    key: category.key,
    name: nameOf(category, default_locale),
    types: entries.filter(([, { category: key }]) => key === category.key),
  }));
  const keys = new Set(held.map(({ key }) => key));
  const others = entries.filter(([, { category }]) => category === null || !keys.has(category));
  return [...groups, { key: "", name: "Not in the catalog", types: others }].filter(
    ({ types: some }) => some.length,
  );
}

/** The pages are in English; a catalog need not be. */
export function nameOf({ key, names }: Category, locale: string | null): string {
  return names.en ?? names[locale ?? ""] ?? Object.values(names)[0] ?? humane(key);
}

export interface State {
  readonly word: string;
  readonly tone: "good" | "warn" | "bad" | "plain";
  readonly told: string;
}

/** A channel at a glance. */
export function stateOf({ enabled, percent, by_default }: Channel): State {
  if (!enabled) return { word: "Off", tone: "bad", told: "Switched off" };
  if (percent < 100) return { word: `${percent} %`, tone: "warn", told: reachOf(percent) };
  if (!by_default)
    return {
      word: "Not used",
      tone: "plain",
      told: "The type does not use it of its own accord.",
    };
  return { word: "On", tone: "good", told: reachOf(100) };
}

/** Whom a rollout reaches, by the rule of the buckets. */
export function reachOf(percent: number): string {
  if (percent >= 100) return "Everybody is in.";
  if (percent <= 0) return "Nobody is in.";
  return `About ${percent} in 100 users: those whose bucket is below ${figure(Math.round((percent / 100) * BUCKETS))} of ${figure(BUCKETS)}.`;
}

/** The versions that nodes run, each with its nodes: more than one while a catalog is being rolled out, or by mistake. */
export function versionsOf(nodes: Types["nodes"]): readonly (readonly [string | null, readonly string[]])[] {
  const found = new Map<string | null, string[]>();
  for (const [node, version] of Object.entries(nodes))
    found.set(version, [...(found.get(version) ?? []), node]);
  return [...found];
}

/** A version is a hash: its beginning tells it from others. */
export const brief = (version: string): string => version.slice(0, 8);

/** What a change did, one sentence a thing. */
export function changeWords({ change }: Pick<Change, "change">): readonly string[] {
  const said: string[] = [];
  if ("enabled" in change) said.push(enabledWords("The type", change.enabled));
  if ("experiment" in change) {
    const chosen = change.experiment as { variant: string } | null;
    said.push(chosen === null ? "Its variants are tried." : `Everybody gets the variant ${chosen.variant}.`);
  }
  const channels = (change.channels ?? {}) as Record<string, Record<string, unknown>>;
  for (const [channel, set] of Object.entries(channels)) {
    const name = channelName(channel);
    if (set.enabled === null && set.percent === null) {
      said.push(`${name} is as the file says.`);
      continue;
    }
    if ("enabled" in set) said.push(enabledWords(name, set.enabled));
    if ("percent" in set)
      said.push(
        set.percent === null
          ? `${name} is rolled out as the file says.`
          : `${name} goes to ${set.percent} %.`,
      );
  }
  return said;
}

function enabledWords(what: string, enabled: unknown): string {
  if (enabled === null) return `${what} is on or off as the file says.`;
  return `${what} is ${enabled ? "on" : "off"}.`;
}

/** Whether an admin has set the whole type's switch, and has not given it back to the file since. */
export function isSwitched(changes: readonly Change[]): boolean {
  const latest = changes.find(({ change }) => "enabled" in change);
  return latest !== undefined && latest.change.enabled !== null;
}

/** Who did something: `user:ann` is Ann, `service:shop` the shop's key. */
export function actor(by: string): string {
  const [kind, ...rest] = by.split(":");
  return kind === "user" || kind === "service" ? rest.join(":") : by;
}
