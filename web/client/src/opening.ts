/** How an inbox comes by its connection: by whose token, alone or with the user's other tabs, and from where it goes on. */

import { connection } from "./connection.ts";
import type { ConnectOptions, Link, Receive, Since } from "./protocol.ts";
import type { Session } from "./session.ts";
import { shared } from "./tabs.ts";
import { subject } from "./token.ts";

/** Throws a `TypeError` when `url` is none or has a path. */
export const refusePath = (url = "/"): void => {
  const { pathname } = new URL(url, "http://a");
  // Socket.IO would take a path for the name of a namespace, which no gateway has.
  if (pathname[1]) throw new TypeError(`option path: "${pathname.replace(/\/?$/, "/socket.io/")}"`);
};

/**
 * Brings the session to where the page was before a reload, and opens a way for it, as soon as it is known whose it is.
 *
 * `receive` and `welcome` are what the tabs' connection is given.
 */
export const opening = async (
  options: ConnectOptions,
  session: Session,
  receive: Receive,
  welcome: (tell: (event: string, payload: unknown) => void) => void,
): Promise<void> => {
  let token = options.token;
  try {
    // One that does not settle is not waited for: as one that fails it is asked again.
    token ??= await Promise.race([
      options.getToken?.(),
      new Promise<undefined>((give) => setTimeout(give, 30_000)),
    ]);
  } catch {
    // The connection asks again, and tells why it waits.
  }
  const who = subject(token);
  const name = `bellhop 3 ${options.url} ${options.path} ${who}`;
  const make = (hear: Receive, under: string | undefined): Link =>
    connection(options, session._since as Since, hear, under);
  if (session._closed) return;
  if (who) {
    try {
      Object.assign(session._since, JSON.parse(sessionStorage.getItem(name) as string));
    } catch {
      // A page without storage has no memory over a reload.
    }
    session._keep = () => {
      try {
        sessionStorage.setItem(name, JSON.stringify(session._since));
      } catch {
        // It keeps its place in memory only.
      }
    };
  }
  session._way =
    options.share !== false && who && (globalThis.navigator as Navigator | undefined)?.locks
      ? shared(name, make, receive, welcome, token)
      : make(receive, token);
  session._way.open();
};
