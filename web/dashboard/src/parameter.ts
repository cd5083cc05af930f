import { useEffect, useState } from "react";
import { placeOf, withParameter } from "./fragment.ts";

const here = (name: string): string => placeOf(location.hash).said(name);

/**
 * A value that is the fragment's `name`: what is looked for in a list outlives a reload, and can be handed on.
 *
 * To change it is no step that one goes back by.
 */
export function useParameter(name: string): [value: string, change: (value: string) => void] {
  const [value, setValue] = useState(() => here(name));
  useEffect(() => {
    const follow = (): void => setValue(here(name));
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
