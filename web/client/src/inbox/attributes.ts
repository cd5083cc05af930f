/** What a page says of a connection by the attributes and the properties of an element that makes one. */

import type { ConnectOptions } from "../protocol.ts";

/** Takes over properties that were set before the element was defined. */
export function upgrade(element: HTMLElement, names: readonly string[]): void {
  const self = element as unknown as Record<string, unknown>;
  for (const name of names) {
    const own = Object.getOwnPropertyDescriptor(element, name);
    if (!own) continue;
    delete self[name];
    self[name] = own.value;
  }
}

/** The attributes, with `options` above them; undefined while there is nobody's token. */
export function optionsOf(
  element: HTMLElement,
  options: Partial<ConnectOptions>,
): ConnectOptions | undefined {
  const said = (name: string): string | undefined => element.getAttribute(name) ?? undefined;
  const all = {
    url: said("url"),
    path: said("path"),
    token: said("token"),
    share: said("share") !== "off",
    ...options,
  };
  return all.token || all.getToken ? all : undefined;
}

/** What the page is written in where the element stands, or else what the browser speaks; English where that is no language tag. */
export const languageOf = (element: HTMLElement): string => {
  const said = element.closest<HTMLElement>("[lang]")?.lang || navigator.language;
  try {
    return new Intl.Locale(said.replace("_", "-")).baseName;
  } catch {
    return "en";
  }
};
