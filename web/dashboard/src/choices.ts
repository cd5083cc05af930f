/** What a person has chosen, in words. */

import type { CellAnswer, PreferenceChange, UserPreferences } from "./protocol.ts";
import { humane } from "./words.ts";

export const CHANNELS = ["in_app", "email"] as const;
export const CHANNEL_NAMES: Readonly<Record<string, string>> = { in_app: "In-app", email: "Email" };

const ORIGINS: Readonly<Record<CellAnswer["from"], string>> = {
  type: "chosen for the type",
  category: "chosen for the category",
  default: "by default",
  channel: "the channel is off",
  locked: "critical: locked",
  opt_in: "not asked for yet",
};

/** Where what holds in a cell comes from. */
export const originOf = ({ from }: CellAnswer): string => ORIGINS[from];

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export function hoursOf({ quiet_hours: hours }: UserPreferences): string {
  if (hours === null) return "None";
  const days = hours.days && hours.days.length < DAYS.length ? `, ${hours.days.map(humane).join(" ")}` : "";
  return `${hours.start} to ${hours.end}${days}`;
}

/** Who has made a change. */
export function authorOf({ by }: PreferenceChange, user: string): string {
  if (by === "link") return "By a link in a mail";
  if (by === `user:${user}`) return "The person";
  return by.startsWith("service:") ? `Service ${by.slice(8)}` : by;
}

/** What a change has asked for, a line for each choice: "offers, Email: off". */
export function askedOf({ asked }: PreferenceChange): string[] {
  const lines = leaves(asked, []).map(([path, value]) => `${pathOf(path)}: ${worded(value)}`);
  return lines.length ? lines : ["Everything: back to the defaults"];
}

function leaves(tree: object, path: readonly string[]): [string[], unknown][] {
  return Object.entries(tree).flatMap(([name, value]): [string[], unknown][] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? leaves(value, [...path, name])
      : [[[...path, name], value]],
  );
}

function pathOf([first, ...rest]: readonly string[]): string {
  const names = rest.map((name) => CHANNEL_NAMES[name] ?? name);
  if (first === "channels") return `All ${names.join(", ")}`;
  if (first === "categories" || first === "types") return names.join(", ");
  return [humane(first ?? ""), ...rest.map((name) => name.toLowerCase())].join(", ");
}

function worded(value: unknown): string {
  if (value === null) return "no choice";
  if (typeof value === "boolean") return value ? "on" : "off";
  return Array.isArray(value) ? value.join(" ") : String(value);
}
