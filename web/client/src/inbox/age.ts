/** How long ago something was, in the reader's language: "now", "5m ago", and after a week its date. */

/** The unit to tell an age in, its seconds, and the age in seconds below which it is used. */
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 0, 60],
  ["minute", 60, 3_600],
  ["hour", 3_600, 86_400],
  ["day", 86_400, 604_800],
];

export type Age = (time: string) => string;

export function ageIn(language: string): Age {
  const relative = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" });
  const date = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
  return (time) => {
    const seconds = (Date.parse(time) - Date.now()) / 1_000;
    const unit = UNITS.find(([, , below]) => -seconds < below);
    if (!unit) return date.format(new Date(time));
    const [name, each] = unit;
    return relative.format(each ? Math.min(0, Math.round(seconds / each)) : 0, name);
  };
}
