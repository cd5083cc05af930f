/** Numbers and times as people read them. */

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 1,204 · from a hundred thousand on 123.5K. */
export function figure(value: number): string {
  return Math.abs(value) >= 100_000 ? short.format(value) : whole.format(Math.round(value * 100) / 100);
}

export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s`;
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1)} ms`;
}

/** A part of 1 as a percentage: 5%, 0.31%. */
export function part(value: number): string {
  return `${Number((value * 100).toPrecision(2))}%`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${figure(count)} ${count === 1 ? one : many}`;
}

const STEPS: readonly [number, string][] = [
  [60, "s"],
  [60, "m"],
  [24, "h"],
  [7, "d"],
];

/** "now", "12s ago", "in 5m"; a week away or more, the day. */
export function ago(time: string, now: number): string {
  const seconds = Math.round((now - Date.parse(time)) / 1000);
  if (Math.abs(seconds) < 2) return "now";
  let value = Math.abs(seconds);
  for (const [size, unit] of STEPS) {
    if (value < size) return seconds > 0 ? `${value}${unit} ago` : `in ${value}${unit}`;
    value = Math.floor(value / size);
  }
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

export function moment(time: string): string {
  return new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
}

export function clock(milliseconds: number): string {
  return new Date(milliseconds).toLocaleTimeString("en", {
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

/** OFFER → Offer, ORDER_UPDATE → Order update. */
export function humane(word: string): string {
  const text = word.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What waits for an answer, without its number: "open complaint", and of several types "open notifications". */
export function openOnes(types: readonly string[]): string {
  const [type] = new Set(types).size === 1 ? types : [];
  return `open ${type ? humane(type.replace(/^NEW_/, "")).toLowerCase() : "notification"}${types.length === 1 ? "" : "s"}`;
}

export function initials(name: string): string {
  const letters = name.split(/[\s@._-]+/).filter(Boolean);
  const first = [...(letters[0] ?? "?")][0] ?? "?";
  const second = letters.length > 1 ? ([...(letters.at(-1) ?? "")][0] ?? "") : "";
  return (first + second).toUpperCase();
}
