/** What the link of a mail has brought to this page: a token by which the person's own session says that it was them. */

const BROUGHT = /([?&#])bellhop-click=([\w-]+)&?/;

let brought: string | undefined;

/** The token that the page was opened with, if it was; taken off the address, which may be copied or kept. */
export function click(): string | undefined {
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
  return brought;
}
