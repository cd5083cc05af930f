/** The tabs by category: one each of those that the page names, or else of those that have been seen. */

import type { Item } from "../protocol.ts";
import type { Category } from "./catalog.ts";
import { h } from "./elements.ts";
import type { Strings } from "./strings.ts";

/** How many of the newest are looked at for what categories there are. */
const LOOKED_AT = 200;

export interface Kinds {
  readonly element: HTMLElement;
  /** Shows them, `chosen` among them; while there is no choice, nothing. */
  show(items: readonly Item[], chosen: string | undefined): void;
}

export function kinds(options: {
  strings: Strings;
  names: () => Readonly<Record<string, string>> | undefined;
  told: () => readonly Category[] | undefined;
  choose: (category: readonly string[] | undefined) => void;
}): Kinds {
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
}
