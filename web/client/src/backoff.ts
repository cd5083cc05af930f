/** At least so many milliseconds, and up to as many again: not all clients at once. */
export const jitter = (ms: number): number => ms * (1 + Math.random());

/**
 * How long to wait before attempt number `attempt` (from 0), in milliseconds.
 *
 * Doubles up to half a minute. Between half and all of it is drawn at random, so that the clients of a node that
 * went away do not come back as one.
 */
export const backoff = (attempt: number): number => jitter(Math.min(30, 2 ** attempt) * 500);

/** Never before the time the gateway asked for, and up to half as long again. */
export const patience = (seconds: number): number => seconds * (1_000 + Math.random() * 500);
