/** Campaigns in words and figures. */

import type { Accounting } from "./protocol.ts";

/** What recipients come to, in the order in which the bar shows it. */
export const PARTS = ["sent", "skipped", "dead", "cancelled", "owed", "pending"] as const;
export type Part = (typeof PARTS)[number];

/** How much of the bar each part has; what is nothing has none. */
export function shares(sums: Accounting): readonly { part: Part; percent: number }[] {
  const total = PARTS.reduce((sum, part) => sum + sums[part], 0);
  return PARTS.filter((part) => sums[part] > 0).map((part) => ({
    part,
    percent: (sums[part] / total) * 100,
  }));
}

/** A rate: 5.1%. */
export function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)}%`;
}

/** By how much one rate is above another: +1.2 points, −0.4 points. */
export function points(difference: number): string {
  const told = Math.abs(difference * 100).toFixed(1);
  return `${told === "0.0" ? "±" : difference > 0 ? "+" : "−"}${told} points`;
}

/** "those you import", "the topic garden", "all users who read de, with plan pro". */
export function audienceOf(audience: unknown): string {
  if (typeof audience !== "object" || audience === null) return "those you import";
  if ("topic" in audience) return `the topic ${String(audience.topic)}`;
  const { locale, attributes } = ("users" in audience ? audience.users : {}) as {
    locale?: string;
    attributes?: Record<string, unknown>;
  };
  const having = Object.entries(attributes ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  return `all users${locale ? ` who read ${locale}` : ""}${having.length ? `, with ${having.join(" and ")}` : ""}`;
}
