/** What is to be done about the link of a mail that the page was come to by: few are, and fetch what knows it. */

import type { Inbox } from "./inbox.ts";
import type { Receive } from "./protocol.ts";

let click: Promise<typeof import("./click.ts")> | undefined;

/** Has the gateway told by `inbox` that it was this user, also by one that is opened later; `receive` takes what comes of it. */
export const landing = (inbox: Inbox, receive: Receive): void => {
  if (/bellhop-click=/.test(globalThis.location?.href)) click = import("./click.ts");
  click?.then(
    (its) => its.click(inbox, receive),
    () => {},
  );
};
