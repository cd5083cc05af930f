/** From the gateway's steps of ten seconds to what a chart draws. */

/** Between the bottom of a chart and its top. */
const LINES = 4;

export interface Window {
  readonly start: number;
  readonly bucketMs: number;
  readonly count: number;
}

/** The last `minutes`, in buckets that end with the one that holds `now`. */
export function windowOf(now: number, minutes: number, bucketSeconds: number): Window {
  const bucketMs = bucketSeconds * 1000;
  const count = Math.round((minutes * 60) / bucketSeconds);
  const end = Math.ceil(now / bucketMs) * bucketMs;
  return { start: end - count * bucketMs, bucketMs, count };
}

/** Which of the steps are within the window. */
export function within({ start, bucketMs, count }: Window, at: readonly string[]): readonly boolean[] {
  const end = start + count * bucketMs;
  // A step belongs to the time before its end.
  return at.map((time) => Date.parse(time) > start && Date.parse(time) <= end);
}

/** Combines the values whose time falls into each bucket; null where there is none. */
export function bucketed(
  window: Window,
  at: readonly string[],
  values: readonly (number | null)[],
  combine: (values: number[]) => number,
): (number | null)[] {
  const buckets: number[][] = Array.from({ length: window.count }, () => []);
  at.forEach((time, index) => {
    const value = values[index];
    // A step belongs to the time before its end.
    const bucket = Math.floor((Date.parse(time) - 1 - window.start) / window.bucketMs);
    if (value !== null && value !== undefined) buckets[bucket]?.push(value);
  });
  return buckets.map((held) => (held.length ? combine(held) : null));
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
export const highest = (values: readonly number[]): number => Math.max(...values);
export const last = (values: readonly number[]): number => values.at(-1) ?? 0;

/**
 * A round number at or above `value`, and the lines between: what the side of a chart is marked with. `whole`: of
 * things that have no halves.
 */
export function scale(value: number, whole: boolean): { top: number; marks: number[] } {
  if (value <= 0) return { top: 1, marks: [0, 1] };
  const rough = Math.max(value / LINES, whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough));
  const fits = (factor: number): boolean =>
    factor * power >= rough - 1e-9 && !(whole && !Number.isInteger(factor * power));
  const factor = [1, 2, 2.5, 5, 10].find(fits) ?? 10;
  const step = factor * power;
  const count = Math.ceil(value / step - 1e-9);
  return { top: count * step, marks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}

/** The stretches of a line between gaps, as [index, value]. */
export function stretches(values: readonly (number | null)[]): [number, number][][] {
  const all: [number, number][][] = [];
  let open: [number, number][] = [];
  values.forEach((value, index) => {
    if (value !== null) open.push([index, value]);
    else if (open.length) {
      all.push(open);
      open = [];
    }
  });
  if (open.length) all.push(open);
  return all;
}
