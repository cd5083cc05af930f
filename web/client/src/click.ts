/** What the link of a mail has brought to this page: a token by which the person's own session says that it was them. */

import type { Inbox } from "./inbox.ts";
import type { Receive } from "./protocol.ts";

const BROUGHT = /([?&#])bellhop-click=([\w-]+)&?/;

let brought: string | undefined;

/** Takes the token that the page was opened with off the address, which may be copied or kept. */
function take(): void {
  const href = (globalThis.location as Location | undefined)?.href;
  const token = href && BROUGHT.exec(href)?.[2];
  if (!token) return;
  brought = token;
  try {
    history.replaceState(history.state, "", href.replace(BROUGHT, "$1").replace(/[?&#](?=#|$)/, ""));
  } catch {
    // A page without a history of its own keeps it in its address.
  }
}

/** Says by `inbox`, once it is ready, that it was this user who came by the link; if it was not, the gateway knows better. */
export function click(inbox: Inbox, receive: Receive): void {
  take();
  const token = brought;
  if (!token) return;
  const say = async (): Promise<void> => {
    if (inbox.getSnapshot().state !== "ready") return;
    off();
    try {
      receive("applied", { mark: "click", ...(await inbox.ask<object>("click", { token })) } as never);
    } catch {
      // It was another's, or is too old.
    }
  };
  const off = inbox.subscribe(say);
  say();
}
