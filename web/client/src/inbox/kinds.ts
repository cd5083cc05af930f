/** The tabs by category: one each of those that the page names, or else of those that have been seen. Pages that have none do not fetch them. */

import type { Item } from "../protocol.ts";
import type { Category } from "./catalog.ts";
import { h } from "./elements.ts";
import { sheetOf, wear } from "./look.ts";
import type { Strings } from "./strings.ts";

const STYLE = `
.kinds { display: flex; flex: none; gap: .375rem; padding: .125rem .875rem .625rem; overflow-x: auto; scrollbar-width: none }
.kinds button { flex: none; padding: .125rem .625rem; border: 1px solid var(--_line); border-radius: 99px; font-size: .8125rem; color: var(--_muted) }
.kinds button:hover { color: var(--_text) }
.kinds button[aria-pressed=true] { border-color: var(--_accent); background: color-mix(in srgb, var(--_accent) 12%, transparent); color: var(--_text) }
`;
const sheet = sheetOf(STYLE, "");

/** How many of the newest are looked at for what categories there are. */
const LOOKED_AT = 200;

export interface Kinds {
  readonly element: HTMLElement;
  /** Has the panel's root show what they look like, once they stand in it. */
  dress(): void;
  /** Shows them, `chosen` among them; while there is no choice, nothing. */
  show(items: readonly Item[], chosen: string | undefined): void;
}

export const kinds = (options: {
  strings: Strings;
  names: () => Readonly<Record<string, string>> | undefined;
  told: () => readonly Category[] | undefined;
  choose: (category: readonly string[] | undefined) => void;
}): Kinds => {
  const { strings: t, names, told, choose } = options;
  const seen = new Set<string>();
  const element = h("div", { class: "kinds", role: "group", "aria-label": t.categories, hidden: true });
  let looked: readonly Item[] | undefined;
  let made = "";

  const tab = (name: string, key?: string): HTMLElement =>
    h(
      "button",
      { type: "button", "data-key": key ?? "", onclick: () => choose(key === undefined ? key : [key]) },
      name,
    );

  return {
    element,
    dress: () => wear(element, sheet),
    show(items, chosen) {
      if (items !== looked)
        for (const { category } of items.slice(0, LOOKED_AT)) if (category) seen.add(category);
      looked = items;
      const catalog = (told() ?? []).filter(({ key }) => seen.has(key));
      const named =
        names() ??
        (catalog.length ? Object.fromEntries(catalog.map(({ key, name }) => [key, name])) : undefined);
      const keys = named ? Object.keys(named) : [...seen].sort();
      const wanted = JSON.stringify([keys, named]);
      if (made !== wanted) {
        made = wanted;
        element.hidden = keys.length < 2;
        element.replaceChildren(
          tab(t.allCategories),
          ...keys.map((key) => tab(named?.[key] ?? key.charAt(0).toUpperCase() + key.slice(1), key)),
        );
      }
      for (const each of element.children as Iterable<HTMLElement> & HTMLCollection)
        each.setAttribute("aria-pressed", String(each.dataset.key === (chosen ?? "")));
    },
  };
};
