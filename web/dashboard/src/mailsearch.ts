/** What one types to find mail, and what is asked for it. */

export interface MailSearch {
  /** An address, a user id, or an id. */
  readonly find: string;
  /** Days, as the browser's date fields have them; empty: any. */
  readonly since: string;
  readonly until: string;
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const USER = "user:";

/** The fields of the question. A user id that looks like an address is told from one by `user:`. */
export function asked({ find, since, until }: MailSearch): Record<string, string> {
  const text = find.trim();
  const days = { ...(since && { since: midnight(since, 0) }), ...(until && { until: midnight(until, 1) }) };
  if (text.startsWith(USER)) return { user: text.slice(USER.length), ...days };
  if (ID.test(text)) return { notification: text.toLowerCase(), ...days };
  if (text.includes("@")) return { address: text, ...days };
  return text ? { user: text, ...days } : days;
}

/** When the day begins here, or one of those after it. */
function midnight(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}
