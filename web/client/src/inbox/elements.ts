/** Elements made in code: nothing is parsed, so nothing that a notification holds can become markup, nor its link code. */

type Child = Node | string | null | undefined | false;

/** `on…` takes a listener; `class` and `aria-…` and the like are attributes; a nullish or false value sets none. */
export const h = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
};

const SVG = "http://www.w3.org/2000/svg";

/** A picture of 24 by 24 in the colour of the text around it, drawn in strokes. */
export const drawing = (path: string): SVGSVGElement => {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 24 24",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.75",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
  };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
};

/** The address, if following it does no more than lead somewhere. */
export const destination = (link: string | null): string | undefined => {
  try {
    const url = new URL(link as string, location.href);
    return link && /^https?:$/.test(url.protocol) ? url.href : undefined;
  } catch {
    return;
  }
};
