/** When what is put off comes back, by the reader's clock: in an hour, this evening, tomorrow, next week. */

type Choice = (now: Date) => Date;

const HOUR_MS = 3_600_000;
const MORNING = 9;
const EVENING = 18;

/** So many days on, at this hour. */
const on = (now: Date, days: number, hour: number): Date =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);

/** In the order of the words for them. In the evening, this evening is tomorrow's. */
export const LATER: readonly Choice[] = [
  (now) => new Date(+now + HOUR_MS),
  (now) => on(now, now.getHours() < EVENING ? 0 : 1, EVENING),
  (now) => on(now, 1, MORNING),
  (now) => on(now, 8 - (now.getDay() || 7), MORNING),
];
