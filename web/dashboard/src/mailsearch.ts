/** What one types to find mail, and what is asked for it. */

import { midnight } from "./days.ts";

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
