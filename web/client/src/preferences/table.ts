/** The table: what one is told about, by which channel, with a switch wherever there is a choice. */

import { drawing, h } from "../inbox/elements.ts";
import { CHANNELS, type Channel, type Wish } from "../preferences.ts";
import type { Cell, Line } from "./grid.ts";
import type { Strings } from "./strings.ts";

const LOCK = "M7 11V8a5 5 0 0 1 10 0v3m-11.5 0h13v9h-13v-9Z";
const BACK = "M9 7 4.5 11.5 9 16m-4-4.5h9a5 5 0 0 1 5 5V19";
const DOWN = "m7 10 5 5 5-5";

export interface Table {
  readonly element: HTMLElement;
  show(lines: readonly Line[], state: State): void;
  /** What the place of a choice is called. */
  name(place: string): string | undefined;
}

export interface State {
  readonly open: ReadonlySet<string>;
  readonly saving: readonly string[];
  readonly failed: Readonly<Record<string, string>>;
}

/** What has the focus when something is chosen at a place. */
export const placed = (root: ParentNode, place: string): HTMLElement | undefined =>
  [...root.querySelectorAll<HTMLElement>("[data-focus]")].find(({ dataset }) => dataset.focus === place);

interface Made {
  readonly element: HTMLElement;
  update(cell: Cell, state: State): void;
}

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

  /** Where there is nothing to choose. */
  const fixed = (): Made => {
    const word = h("span", {});
    const why = h("span", { class: "from" });
    const element = h("td", {}, h("span", { class: "lock" }, drawing(LOCK), word), why);
    return {
      element,
      update({ value }) {
        word.textContent = value === null ? t.mixed : value ? t.always : t.never;
        why.textContent = value === false ? t.lockedOff : t.locked;
      },
    };
  };

  const choice = (line: Line, channel: Channel): Made => {
    const { place } = line.cells[channel];
    const name = t.cell(t.channels[channel], nameOf(line));
    const from = h("span", { class: "from", id: `from ${place}`.replace(/ /g, "-") });
    const error = h("span", { class: "error", role: "alert" });
    const input = h("input", {
      type: "checkbox",
      class: "switch",
      part: "switch",
      "aria-label": name,
      "aria-describedby": from.id,
      "data-focus": place,
      onchange: () => choose(place, input.checked),
    });
    // The switch of a channel as a whole knows only on and off.
    const often =
      channel === "email" &&
      line.kind !== "all" &&
      h(
        "select",
        {
          class: "often",
          "aria-label": `${name}: ${t.often}`,
          onchange: ({ target }: Event) => {
            const { value } = target as HTMLSelectElement;
            choose(place, value === "daily" || value === "weekly" ? value : true);
          },
        },
        h("option", { value: "" }, t.atOnce),
        h("option", { value: "daily" }, t.daily),
        h("option", { value: "weekly" }, t.weekly),
      );
    const reset =
      line.kind === "type" &&
      h(
        "button",
        {
          type: "button",
          class: "reset",
          "aria-label": t.reset(nameOf(line), t.channels[channel]),
          title: t.reset(nameOf(line), t.channels[channel]),
          onclick: () => {
            // The button goes with the choice: the switch beside it stays.
            input.focus();
            choose(place, null);
          },
        },
        drawing(BACK),
      );
    return {
      element: h("td", {}, h("span", { class: "chooses" }, input, reset), often, from, error),
      update(cell, { saving, failed }) {
        const isSaving = saving.includes(place);
        // As it was pressed, until it is known.
        if (!isSaving) {
          input.checked = !!cell.value;
          input.indeterminate = cell.value === null;
          if (often) often.value = typeof cell.value === "string" ? cell.value : "";
        }
        if (often) often.hidden = !cell.value || cell.alone || cell.from === "channel";
        input.disabled = cell.from === "channel";
        if (isSaving) input.setAttribute("aria-busy", "true");
        else input.removeAttribute("aria-busy");
        if (reset) reset.hidden = cell.from !== "chosen";
        from.textContent = {
          chosen: t.chosen,
          default: t.byDefault,
          channel: t.channelOff(t.channels[channel]),
          locked: t.locked,
          mixed: t.mixed,
          types: t.byType,
        }[cell.from];
        const code = failed[place];
        const said = code === undefined ? "" : (t.failed[code] ?? t.failed.other);
        // Said once: what is written again is spoken again.
        if (error.textContent !== said) error.textContent = said;
      },
    };
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
                const cell = from === "locked" ? fixed() : choice(line, channel);
                cells.set(place, cell);
                names.set(place, t.cell(t.channels[channel], nameOf(line)));
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
