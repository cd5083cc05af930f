/** How an inbox comes by its connection: by whose token, alone or with the user's other tabs, and from where it goes on. */

import { connection } from "./connection.ts";
import type { ConnectOptions, Link, Receive, Since, Way } from "./protocol.ts";
import { shared } from "./tabs.ts";
import { subject } from "./token.ts";

/**
 * Brings `since` to where the page was before a reload, and hands out how to make the way, as soon as it is known whose it
 * is; with the name under which `since` is to be kept, where it can be.
 *
 * `receive` and `welcome` are what the tabs' connection is given.
 */
export async function opening(
  options: ConnectOptions,
  since: Since,
  receive: Receive,
  welcome: (tell: (event: string, payload: unknown) => void) => void,
  found: (make: () => Way, name: string | undefined) => void,
): Promise<void> {
  let token = options.token;
  try {
    token ??= await options.getToken?.();
  } catch {
    // The connection asks again, and tells why it waits.
  }
  const who = subject(token);
  const name = `bellhop 3 ${options.url} ${options.path} ${who}`;
  const make = (hear: Receive, under = token): Link => connection(options, since, hear, under);
  if (who)
    try {
      Object.assign(since, JSON.parse(sessionStorage.getItem(name) as string));
    } catch {
      // A page without storage has no memory over a reload.
    }
  found(
    () =>
      options.share !== false && who && (globalThis.navigator as Navigator | undefined)?.locks
        ? shared(name, make, receive, welcome, token)
        : make(receive),
    who && name,
  );
}
