/** The fragment of the address, which never reaches a server's log: a path, and after a question mark what is looked for there. */

export interface Place {
  readonly path: string;
  /** What it says of `name`; an empty text for nothing. */
  said(name: string): string;
}

const parts = (fragment: string): [path: string, parameters: URLSearchParams] => {
  const [path = "", query = ""] = fragment.split("?", 2);
  return [path, new URLSearchParams(query)];
};

const joined = (path: string, parameters: URLSearchParams): string =>
  parameters.size ? `${path}?${parameters}` : path;

export function placeOf(fragment: string): Place {
  const [path, parameters] = parts(fragment);
  return { path, said: (name) => parameters.get(name) ?? "" };
}

/** The fragment of a path, with those values that are not empty. */
export function fragmentOf(path: string, values: Readonly<Record<string, string>>): string {
  return joined(path, new URLSearchParams(Object.entries(values).filter(([, value]) => value)));
}

/** The fragment with another value of `name`, and without it for an empty one. */
export function withParameter(fragment: string, name: string, value: string): string {
  const [path, parameters] = parts(fragment);
  if (value) parameters.set(name, value);
  else parameters.delete(name);
  return joined(path, parameters);
}
