/** How long ago something was, in the reader's language: "now", "5m ago", and after a week its date; when it was, and on which day. */

/** The unit to tell an age in, its seconds, and the age in seconds below which it is used. */
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 0, 60],
  ["minute", 60, 3_600],
  ["hour", 3_600, 86_400],
  ["day", 86_400, 604_800],
];

export interface Age {
  (time: string): string;
  /** The date and the time of day. */
  at(time: string): string;
  /** "Today", "yesterday", or the date. */
  day(time: string): string;
}

export const ageIn = (language: string): Age => {
  const relative = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" });
  const days = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const date = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
  const exact = new Intl.DateTimeFormat(language, {
    day: "numeric",
    month: "short",
    hour: "numeric",
    minute: "numeric",
  });
  const long = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
  /** By the minute: of thousands of rows few have one of their own. */
  const known = new Map<string, string>();
  let midnight = 0;
  const age = (time: string): string => {
    const seconds = (Date.parse(time) - Date.now()) / 1_000;
    const unit = UNITS.find(([, , below]) => -seconds < below);
    if (!unit) return date.format(new Date(time));
    const [name, each] = unit;
    return relative.format(each ? Math.min(0, Math.round(seconds / each)) : 0, name);
  };
  const name = (then: Date): string => {
    const ago = Math.round((then.setHours(24, 0, 0, 0) - midnight) / 86_400_000);
    return Math.abs(ago) > 1 ? long.format(then.setHours(-12)) : days.format(ago, "day");
  };
  return Object.assign(age, {
    at: (time: string) => exact.format(new Date(time)),
    day(time: string) {
      if (Date.now() >= midnight || known.size > 5_000) known.clear();
      midnight = new Date().setHours(24, 0, 0, 0);
      const minute = time.slice(0, 16);
      const said = known.get(minute) ?? name(new Date(time));
      known.set(minute, said);
      return said;
    },
  });
};
