/** The first minute, step by step. A step is done when it has happened, whoever made it happen. */

import { element } from "./elements.ts";

const STEPS = [
  ["Place an order", "as Ann, in her shop"],
  ["See it arrive", "open the bell, read it"],
  ["Leave", "close Ann’s shop"],
  ["A mail comes", "ship it while she is away"],
  ["Click its link", "in the mail"],
  ["The badge knows", "read by the click"],
] as const;
const KEPT = "bellhop-demo-guide";

export type Step = 0 | 1 | 2 | 3 | 4 | 5;

interface Kept {
  done: number;
  /** The notification that is followed. */
  followed: string | null;
}

export interface Guide {
  element: HTMLElement;
  /** Marks the step as done, if it is the next one. */
  did(step: Step): void;
  /** How many are done. */
  done(): number;
  followed(): string | null;
  follow(id: string): void;
}

/** It outlasts that the page is loaded anew, which a link of a mail does. */
export function guide(): Guide {
  let kept: Kept = { done: 0, followed: null };
  try {
    kept = { ...kept, ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") };
  } catch {
    // Begun anew.
  }
  const list = element("ol", "steps");
  const says = element("p", "unseen", "");
  says.setAttribute("role", "status");
  const section = element("section", "guide", list, says);
  section.setAttribute("aria-label", "The first minute");
  const show = (): void => {
    list.replaceChildren(
      ...STEPS.map(([title, hint], index) => {
        const is = index < kept.done ? "done" : index === kept.done ? "now" : "";
        const mark = element("span", "step-mark", index < kept.done ? "✓" : String(index + 1));
        mark.setAttribute("aria-hidden", "true");
        const made = element(
          "li",
          `step ${is}`,
          mark,
          element("span", "step-words", element("b", "", title), element("small", "", hint)),
        );
        if (is === "now") made.setAttribute("aria-current", "step");
        if (is === "done") made.append(element("span", "unseen", "done"));
        return made;
      }),
    );
  };
  const keep = (): void => {
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    show();
  };
  show();
  return {
    element: section,
    did(step) {
      // Who places another order after the last step goes round again.
      if (step === 0 && kept.done === STEPS.length) kept.done = 0;
      // Who leaves without having read it has seen it arrive all the same.
      if (step !== kept.done && !(step === 2 && kept.done === 1)) return;
      kept.done = step + 1;
      says.textContent =
        step + 1 < STEPS.length ? `Next: ${STEPS[step + 1]?.[0]}` : "All of it has been seen.";
      keep();
    },
    done: () => kept.done,
    followed: () => kept.followed,
    follow(id) {
      kept.followed = id;
      keep();
    },
  };
}
