/** What the link of a mail has brought to this page: a token by which the person's own session says that it was them. */

import type { Ask, Receive } from "./protocol.ts";

const BROUGHT = /([?&#])bellhop-click=([\w-]+)&?/;

let brought: string | undefined;

/** Says that it was this user who came by the link; if it was not, the gateway knows better. */
export type Confirm = (ask: Ask, receive: Receive) => Promise<void>;

/** Takes the token that the page was opened with off the address, which may be copied or kept; answers what to do with it. */
export function click(): Confirm | undefined {
  const href = (globalThis.location as Location | undefined)?.href;
  const token = href && BROUGHT.exec(href)?.[2];
  if (token) {
    brought = token;
    try {
      history.replaceState(history.state, "", href.replace(BROUGHT, "$1").replace(/[?&#](?=#|$)/, ""));
    } catch {
      // A page without a history of its own keeps it in its address.
    }
  }
  return brought === undefined ? undefined : confirmOf(brought);
}

const confirmOf =
  (token: string): Confirm =>
  async (ask, receive) => {
    try {
      receive("applied", { mark: "click", ...(await ask<object>("click", { token })) } as never);
    } catch {
      // It was another's, or is too old.
    }
  };
