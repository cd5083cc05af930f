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

/** Takes a token out of the address bar, and out of the history entry, before anything else happens. */
export function takeToken(): string | null {
  const given = tokenInFragment(location.hash);
  if (given !== null) {
    history.replaceState(null, "", `${location.pathname}${location.search}#/`);
    keepToken(given);
  }
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
