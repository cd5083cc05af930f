/** Whether a person's quiet hours hold: wall-clock times, over midnight where the end comes first, on the days on which they begin. */

import type { PreferencesAnswer } from "../shapes.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The browser's own zone stands in for one that nobody has told. */
export function isQuiet({ quiet_hours: quiet, timezone }: PreferencesAnswer, now: Date): boolean {
  if (!quiet || quiet.start === quiet.end) return false;
  const { start, end, days } = quiet;
  const wall = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone ?? undefined,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const part = Object.fromEntries(wall.formatToParts(now).map(({ type, value }) => [type, value]));
  const at = `${part.hour}:${part.minute}`;
  const isOver = end < start && at < end;
  if (!isOver && (at < start || (end > start && at >= end))) return false;
  // What holds after midnight began the day before.
  const today = DAYS.indexOf((part.weekday as string).toLowerCase());
  return !days?.length || days.includes(DAYS[(today + (isOver ? 6 : 0)) % 7] as never);
}
