/** The table: what one is told about, by which channel, with a switch wherever there is a choice. */

import { drawing, h } from "../inbox/elements.ts";
import { CHANNELS, type Wish } from "../preferences.ts";
import { type Changes, choice, fixed, type Made } from "./cells.ts";
import type { Line } from "./grid.ts";
import type { Strings } from "./strings.ts";

const DOWN = "m7 10 5 5 5-5";

export interface Table {
  readonly element: HTMLElement;
  show(lines: readonly Line[], state: State): void;
  /** What the place of a choice is called. */
  name(place: string): string | undefined;
}

export interface State extends Changes {
  readonly open: ReadonlySet<string>;
}

/** What has the focus when something is chosen at a place. */
export const placed = (root: ParentNode, place: string): HTMLElement | undefined =>
  [...root.querySelectorAll<HTMLElement>("[data-focus]")].find(({ dataset }) => dataset.focus === place);

export function table(options: {
  strings: Strings;
  /** Chooses at a place; null takes the choice back. */
  choose: (place: string, value: Wish | null) => void;
  /** Shows all types of a category, or no more. */
  toggle: (category: string) => void;
}): Table {
  const { strings: t, choose, toggle } = options;
  const body = h("tbody");
  const element = h(
    "table",
    { part: "table", "aria-labelledby": "title" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t.about),
        ...CHANNELS.map((channel) => h("th", { scope: "col", class: "channel" }, t.channels[channel])),
      ),
    ),
    body,
  );
  let cells = new Map<string, Made>();
  let names = new Map<string, string>();
  let made = "";

  const nameOf = (line: Line): string => (line.kind === "all" ? t.all : line.name || t.type(line.key));

  const heading = (line: Line, { open }: State): HTMLElement => {
    const name = nameOf(line);
    if (line.kind === "all")
      return h("th", { scope: "row" }, h("span", {}, name), h("span", { class: "hint" }, t.allHint));
    if (!line.several) return h("th", { scope: "row" }, h("span", { dir: "auto" }, name));
    return h(
      "th",
      { scope: "row" },
      h(
        "button",
        {
          type: "button",
          class: "kinds",
          "data-focus": `kinds ${line.key}`,
          "aria-expanded": String(open.has(line.key)),
          title: t.kinds(name),
          onclick: () => toggle(line.key),
        },
        h("span", { dir: "auto" }, name),
        drawing(DOWN),
      ),
    );
  };

  return {
    element,
    name: (place) => names.get(place),
    show(lines, state) {
      const shape = JSON.stringify(
        lines.map((line) => [
          line.kind,
          line.key,
          line.name,
          line.several && state.open.has(line.key),
          CHANNELS.map((channel) => line.cells[channel].from === "locked"),
        ]),
      );
      if (made !== shape) {
        made = shape;
        const root = element.getRootNode() as ShadowRoot;
        const held = (root.activeElement as HTMLElement | null)?.dataset.focus;
        cells = new Map();
        names = new Map();
        body.replaceChildren(
          ...lines.map((line) =>
            h(
              "tr",
              { class: line.kind },
              heading(line, state),
              ...CHANNELS.map((channel) => {
                const { place, from } = line.cells[channel];
                const about = nameOf(line);
                const cell =
                  from === "locked"
                    ? fixed(t)
                    : choice(t, line, channel, about, (value) => choose(place, value));
                cells.set(place, cell);
                names.set(place, t.cell(t.channels[channel], about));
                return cell.element;
              }),
            ),
          ),
        );
        if (held) placed(root, held)?.focus();
      }
      for (const line of lines)
        for (const channel of CHANNELS) {
          const cell = line.cells[channel];
          cells.get(cell.place)?.update(cell, state);
        }
    },
  };
}
