/** When to come back, and when to look again. */

/** How long what all clients hear of at once waits, at the least; and what has to wait for marks, until it is looked again. */
export const SOON_MS = 300;

/** How long what has failed waits until it is tried again. */
export const AGAIN_MS = 2_000;

/** At least so many milliseconds, and up to as many again: not all clients at once. */
export const jitter = (ms: number): number => ms * (1 + Math.random());

/**
 * How long to wait before attempt number `attempt` (from 0), in milliseconds.
 *
 * Doubles up to half a minute. Between half and all of it is drawn at random, so that the clients of a node that
 * went away do not come back as one.
 */
export const backoff = (attempt: number): number => jitter(Math.min(30, 2 ** attempt) * 500);

/** At least so many seconds, as the gateway asks for or another tab may be silent, and up to half as long again: in milliseconds. */
export const patience = (seconds: number): number => seconds * (1_000 + Math.random() * 500);
