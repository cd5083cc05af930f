/** How fast the gateway is asked for what takes many questions. */

/** That many come at once; the rest follow by ten a second. */
const AT_ONCE = 20;
const EVERY_MS = 100;

/**
 * Asks as `ask` does, but no faster than a connection may: 40 at once and 20 a second, unless the gateway is set otherwise.
 * What else the page asks meanwhile has half of that.
 */
export function paced<A extends unknown[], R>(ask: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
  let asked = 0;
  return async (...given) => {
    asked += 1;
    if (asked > AT_ONCE) await new Promise((done) => setTimeout(done, EVERY_MS));
    return ask(...given);
  };
}
