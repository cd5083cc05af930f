/** What one types to find notifications, and what is asked for it. */

import { midnight } from "./days.ts";

export interface TraceSearch {
  readonly user: string;
  readonly type: string;
  readonly service: string;
  /** An idempotency key of the service. */
  readonly key: string;
  /** Days, as the browser's date fields have them; empty: any. */
  readonly since: string;
  readonly until: string;
}

export const NO_SEARCH: TraceSearch = { user: "", type: "", service: "", key: "", since: "", until: "" };
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id, when it is one. */
export function idIn(text: string): string | null {
  return ID.test(text.trim()) ? text.trim().toLowerCase() : null;
}

/** The fields of the question; what is empty is not asked. */
export function wanted({ user, type, service, key, since, until }: TraceSearch): Record<string, string> {
  const texts = { user: user.trim(), type: type.trim(), service: service.trim(), key: key.trim() };
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value)),
    ...(since && { since: midnight(since, 0) }),
    ...(until && { until: midnight(until, 1) }),
  };
}
