/** The custom properties and parts of the inbox, live: what is chosen is worn at once, and written as a style sheet. */

import "@bellhop/client/inbox";
import { snippet } from "../code.ts";
import { button, element } from "../elements.ts";
import { rehearsal } from "./rehearsal.ts";

type Kind = "colour" | "length" | "font";
interface Property {
  name: string;
  label: string;
  kind: Kind;
  /** What it is without. */
  initial: string;
  unit?: "px" | "rem";
  range?: readonly [number, number, number];
}

const PROPERTIES: readonly Property[] = [
  { name: "--bellhop-accent", label: "Accent", kind: "colour", initial: "#4b4ade" },
  { name: "--bellhop-on-accent", label: "On the accent", kind: "colour", initial: "#ffffff" },
  { name: "--bellhop-badge", label: "Badge", kind: "colour", initial: "#d4313a" },
  { name: "--bellhop-background", label: "Background", kind: "colour", initial: "#ffffff" },
  { name: "--bellhop-hover", label: "Background, hovered", kind: "colour", initial: "#f5f6f8" },
  { name: "--bellhop-text", label: "Words", kind: "colour", initial: "#16181d" },
  { name: "--bellhop-muted", label: "Lesser words", kind: "colour", initial: "#5c616b" },
  { name: "--bellhop-line", label: "Lines", kind: "colour", initial: "#e6e8ec" },
  {
    name: "--bellhop-radius",
    label: "Corners",
    kind: "length",
    initial: "14",
    unit: "px",
    range: [0, 28, 1],
  },
  {
    name: "--bellhop-width",
    label: "Width",
    kind: "length",
    initial: "25",
    unit: "rem",
    range: [18, 34, 0.5],
  },
  {
    name: "--bellhop-height",
    label: "Height",
    kind: "length",
    initial: "38",
    unit: "rem",
    range: [20, 44, 1],
  },
  {
    name: "--bellhop-row-height",
    label: "Row",
    kind: "length",
    initial: "5.25",
    unit: "rem",
    range: [4.25, 7, 0.25],
  },
  { name: "--bellhop-font", label: "Typeface", kind: "font", initial: "" },
];
const FONTS = { "The system’s": "", Georgia: "Georgia, serif", Mono: "ui-monospace, monospace" };
const PARTS = ["bell", "badge", "panel", "list", "item"] as const;
type Chosen = Readonly<Record<string, string>>;

const PRESETS: Readonly<Record<string, Chosen>> = {
  Bellhop: {},
  Forest: {
    "--bellhop-accent": "#0a6b45",
    "--bellhop-radius": "4px",
    "--bellhop-row-height": "4.75rem",
    "--bellhop-font": "Georgia, serif",
  },
  Night: {
    "--bellhop-accent": "#f2b84b",
    "--bellhop-on-accent": "#1b1605",
    "--bellhop-background": "#14161c",
    "--bellhop-hover": "#1f222b",
    "--bellhop-text": "#eef0f4",
    "--bellhop-muted": "#a4aab6",
    "--bellhop-line": "#2c303a",
    "--bellhop-radius": "20px",
  },
};

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const bell = document.createElement("bellhop-inbox");
bell.inbox = rehearsal();
bell.setAttribute("theme", "light");
find("stage").append(
  element("p", "soft small", "What is in it is made up, and what you do stays here."),
  bell,
);

const pointed = new CSSStyleSheet();
document.adoptedStyleSheets.push(pointed);

let chosen: Record<string, string> = {};
const inputs = new Map<string, HTMLInputElement | HTMLSelectElement>();
const outputs = new Map<string, HTMLOutputElement>();

/** As it stands in a style sheet. */
function css(): string {
  const lines = Object.entries(chosen).map(([name, value]) => `  ${name}: ${value};`);
  return lines.length
    ? `bellhop-inbox {\n${lines.join("\n")}\n}`
    : "/* Nothing is changed: the inbox looks as it comes. */";
}

function wear(): void {
  for (const { name } of PROPERTIES) bell.style.removeProperty(name);
  for (const [name, value] of Object.entries(chosen)) bell.style.setProperty(name, value);
  for (const { name, initial, unit } of PROPERTIES) {
    const input = inputs.get(name);
    const value = chosen[name] ?? `${initial}${unit ?? ""}`;
    if (input) input.value = unit ? value.replace(unit, "") : value;
    const output = outputs.get(name);
    if (output) output.value = value;
  }
  find("sheet").replaceChildren(snippet("Your style sheet", css()), parts);
}

function control(property: Property): HTMLElement {
  const { name, label, kind, unit, range } = property;
  const input = document.createElement(kind === "font" ? "select" : "input");
  if (input instanceof HTMLInputElement) {
    input.type = kind === "colour" ? "color" : "range";
    if (range) [input.min, input.max, input.step] = range.map(String) as [string, string, string];
  } else
    for (const [text, value] of Object.entries(FONTS)) {
      const option = element("option", "", text);
      option.value = value;
      input.append(option);
    }
  input.addEventListener("input", () => {
    chosen = { ...chosen, [name]: `${input.value}${unit ?? ""}` };
    if (!input.value) delete chosen[name];
    wear();
  });
  const output = element("output", "soft small", "");
  inputs.set(name, input);
  if (kind !== "font") outputs.set(name, output);
  input.id = name.slice(2);
  const text = element("label", "", label, element("code", "", name));
  text.htmlFor = input.id;
  return element("div", "control", text, ...(kind === "font" ? [] : [output]), input);
}

const parts = element("section", "snippet");
parts.append(element("div", "heading", element("h3", "", "Parts")));
parts.append(
  element(
    "p",
    "parts",
    ...PARTS.map((part) => {
      const shows = button(`::part(${part})`, "button quiet small-button", () => {
        const on = shows.getAttribute("aria-pressed") !== "true";
        for (const each of parts.querySelectorAll("button"))
          each.setAttribute("aria-pressed", String(each === shows && on));
        pointed.replaceSync(
          on ? `bellhop-inbox::part(${part}) { outline: 3px dashed #d4313a; outline-offset: -3px }` : "",
        );
      });
      shows.setAttribute("aria-pressed", "false");
      return shows;
    }),
  ),
);

find("controls").append(element("h2", "", "Custom properties"), ...PROPERTIES.map(control));
find("presets").setAttribute("role", "group");
find("presets").setAttribute("aria-label", "Presets");
find("presets").append(
  ...Object.entries(PRESETS).map(([name, preset]) =>
    button(name, "button quiet", () => {
      chosen = { ...preset };
      wear();
    }),
  ),
);
wear();
