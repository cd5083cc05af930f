// What the page is made of. Everything is put in as text, never as markup.

/** An element with its children; strings among them become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A text in which `this` is code. */
export function prose(text = "") {
  const pieces = text.split("`");
  return pieces.map((piece, index) => (index % 2 ? element("code", {}, piece) : piece));
}

/** What is made only when somebody unfolds it: all of it at once would be more than a browser likes. */
export function folded(summary, make) {
  const made = element("details", {}, element("summary", {}, ...summary));
  made.addEventListener("toggle", () => made.append(...make()), { once: true });
  return made;
}
