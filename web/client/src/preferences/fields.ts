/** A list to choose one of, or none. */

import { h } from "../inbox/elements.ts";

export interface Field {
  readonly element: HTMLElement;
  /** `error` is said beside it; an empty text is none. */
  show(
    choices: readonly (readonly [value: string, text: string])[],
    chosen: string | null,
    none: string,
    error: string,
  ): void;
}

/** `id` is the place of the choice, and of the element in its own tree. With `labelled` its label is in sight already. */
export function field(
  label: string,
  id: string,
  choose: (value: string) => void,
  { labelled = false } = {},
): Field {
  const select = h("select", { id, "data-focus": id, onchange: () => choose(select.value) });
  const failure = h("span", { class: "error", role: "alert" });
  let made = "";
  return {
    element: h(
      "div",
      { class: "pair" },
      h("label", { class: labelled ? "spoken" : "label", for: id }, label),
      select,
      failure,
    ),
    show(choices, chosen, none, error) {
      const all = [["", none] as const, ...choices];
      const wanted = JSON.stringify(all);
      if (made !== wanted) {
        made = wanted;
        select.replaceChildren(...all.map(([value, text]) => h("option", { value }, text)));
      }
      select.value = chosen ?? "";
      if (failure.textContent !== error) failure.textContent = error;
    },
  };
}

/** Those that there are, and the chosen one, which may be of an older list. */
export const options = (known: readonly string[], chosen: string | null): string[] => [
  ...new Set(chosen ? [...known, chosen] : known),
];
