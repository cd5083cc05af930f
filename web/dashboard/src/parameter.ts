/** What is looked for in a list, kept in the fragment: it outlives a reload, and can be handed on. */

import { useEffect, useState } from "react";

/** What the fragment says of `name`; an empty text for nothing. */
export const parameterOf = (fragment: string, name: string): string =>
  new URLSearchParams(fragment.split("?", 2)[1] ?? "").get(name) ?? "";

/** The fragment with another value of `name`, and without it for an empty one. */
export function withParameter(fragment: string, name: string, value: string): string {
  const [path = "", query = ""] = fragment.split("?", 2);
  const parameters = new URLSearchParams(query);
  if (value) parameters.set(name, value);
  else parameters.delete(name);
  const left = parameters.toString();
  return left ? `${path}?${left}` : path;
}

/** A value that is the fragment's `name`; to change it is no step that one goes back by. */
export function useParameter(name: string): [value: string, change: (value: string) => void] {
  const [value, setValue] = useState(() => parameterOf(location.hash, name));
  useEffect(() => {
    const follow = (): void => setValue(parameterOf(location.hash, name));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [name]);
  return [
    value,
    (next) => {
      history.replaceState(history.state, "", withParameter(location.hash, name, next));
      setValue(next);
    },
  ];
}
