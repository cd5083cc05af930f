/** Elements made in code: the page has no markup of its own for what it shows. */

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  look: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (look) made.className = look;
  made.append(...children);
  return made;
}

export function button(text: string, look: string, does: () => unknown): HTMLButtonElement {
  const made = element("button", look, text);
  made.type = "button";
  made.addEventListener("click", () => void does());
  return made;
}

/** To the second, as on a watch. */
export const clock = (time: string): string =>
  new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
