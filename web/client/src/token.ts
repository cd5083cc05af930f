/** What a token says to the page that carries it. Proves nothing: only the gateway verifies. */

const claims = (token: string | undefined): { sub?: string; iat?: number; exp?: number } => {
  try {
    const text = (token as string).split(".")[1] as string;
    // What was bytes of UTF-8 is made percents, and those the text: the shortest way there is.
    return JSON.parse(decodeURIComponent(escape(atob(text.replace(/-/g, "+").replace(/_/g, "/"))))) ?? {};
  } catch {
    return {};
  }
};

/** Whose token it is; undefined when it cannot be told from here. */
export const subject = (token: string | undefined): string | undefined => claims(token).sub;

const made = (token: string | undefined): number => {
  const { iat, exp = 0 } = claims(token);
  return iat ?? exp;
};

/** Whether `token` was made after `than`; of two made in one second, the one that comes later is. */
export const newer = (token: string | undefined, than: string | undefined): boolean =>
  !!token && token !== than && made(token) >= made(than);
