/** The button that reads all: it cannot be taken back, so of more than one it is pressed twice, and not by a double click. */

import type { Inbox } from "../index.ts";
import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

/** How long it is asked whether all are meant. */
const SURE_MS = 5_000;

export function readAll(t: Strings, inbox: () => Inbox | undefined): HTMLButtonElement {
  let asked: ReturnType<typeof setTimeout> | undefined;
  const settle = (): void => {
    clearTimeout(asked);
    asked = undefined;
    button.textContent = t.readAll;
    button.classList.remove("sure");
  };
  const button = h(
    "button",
    {
      type: "button",
      class: "all",
      onblur: settle,
      onclick({ detail }: MouseEvent): void {
        const unread = inbox()?.getSnapshot().unread;
        if (!unread || detail > 1) return;
        const isSure = unread === 1 || asked;
        settle();
        if (isSure) inbox()?.readAll();
        else {
          button.textContent = t.readAllSure(unread);
          button.classList.add("sure");
          asked = setTimeout(settle, SURE_MS);
        }
      },
    },
    t.readAll,
  );
  return button;
}
