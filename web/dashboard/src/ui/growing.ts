/** Where the focus goes in a list of entries that are added and removed one by one: nobody is left standing nowhere. */

import { type RefObject, useEffect, useRef } from "react";

export interface Growing {
  /** Of the button that adds one. */
  readonly adds: RefObject<HTMLButtonElement | null>;
  /** The entry of this key is about to be there; its first input gets the focus. */
  added(key: number | null): void;
  /** One is about to go: the button that adds one gets the focus, also where it comes back by that. */
  removed(): void;
  /** The first input of an entry is there, or has gone. */
  arrived(key: number, input: HTMLInputElement | null): void;
}

export function useGrowing(): Growing {
  const adds = useRef<HTMLButtonElement>(null);
  const goTo = useRef<number | "add" | null>(null);
  useEffect(() => {
    if (goTo.current === "add") {
      goTo.current = null;
      adds.current?.focus();
    }
  });
  return {
    adds,
    added: (key) => {
      goTo.current = key;
    },
    removed: () => {
      goTo.current = "add";
    },
    arrived: (key, input) => {
      if (input === null || goTo.current !== key) return;
      goTo.current = null;
      input.focus();
    },
  };
}
