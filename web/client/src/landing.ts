/** What the link of a mail has brought to this page: a token by which the person's own session says that it was them. */

const BROUGHT = /[?&#]bellhop-click=([\w-]+)/;

let brought: string | undefined;

/** The token that the page was opened with, if it was; taken off the address, which may be copied or kept. */
export function landing(): string | undefined {
  const at = globalThis.location as Location | undefined;
  const found = at && BROUGHT.exec(at.search + at.hash);
  if (found) {
    brought = found[1];
    const without = (part: string): string =>
      part.replace(BROUGHT, (all) => all.charAt(0)).replace(/[?&#]$|([?#])&/, "$1");
    try {
      history.replaceState(history.state, "", at.pathname + without(at.search) + without(at.hash));
    } catch {
      // A page without a history of its own keeps it in its address.
    }
  }
  return brought;
}
