const BASE_MS = 1_000;
const CAP_MS = 30_000;

/**
 * How long to wait before attempt number `attempt` (from 0), in milliseconds.
 *
 * Doubles up to half a minute. Between half and all of it is drawn at random, so that the clients of a node that
 * went away do not come back as one.
 */
export const backoff = (attempt: number): number =>
  Math.min(CAP_MS, BASE_MS * 2 ** attempt) * (0.5 + Math.random() / 2);

/** Never before the time the gateway asked for, and up to half as long again. */
export const patience = (seconds: number): number => seconds * 1_000 * (1 + Math.random() / 2);
