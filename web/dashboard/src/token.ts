/** The admin's token: it comes by paste or by `#token=…`, and lives in this tab's session storage only. */

const KEY = "bellhop.token";

/** The token in a location's fragment, or null. */
export function tokenInFragment(fragment: string): string | null {
  const match = /^#token=([A-Za-z0-9._~-]+)$/.exec(fragment);
  return match?.[1] ?? null;
}

/** Whether a text has the form of a token at all, so that an obvious slip is told at once. */
export function looksLikeToken(text: string): boolean {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text);
}

let take: (token: string) => void = () => {};

/** Hands every token that comes by the address bar from now on to `listener`, and to nobody else. */
export function whenGiven(listener: (token: string) => void): void {
  take = listener;
}

/**
 * The token to begin with; also from now on a token leaves the address bar, and the history entry, at once.
 *
 * To be called before anything is drawn: who listens for the address later never sees the token in it.
 */
export function takeToken(): string | null {
  const given = tokenInFragment(location.hash);
  if (given !== null) {
    showInstead("#/");
    keepToken(given);
  }
  addEventListener("hashchange", ({ oldURL }) => {
    const later = tokenInFragment(location.hash);
    if (later === null) return;
    showInstead(new URL(oldURL).hash || "#/");
    take(later);
  });
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

function showInstead(fragment: string): void {
  history.replaceState(null, "", `${location.pathname}${location.search}${fragment}`);
}
