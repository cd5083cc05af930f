/** The cells of the table: a switch where there is a choice, and how often, and a way back to the category; else what holds. */

import { drawing, h } from "../inbox/elements.ts";
import type { Channel, Wish } from "../preferences.ts";
import type { Cell, Line } from "./grid.ts";
import { type Strings, said } from "./strings.ts";

const LOCK = "M7 11V8a5 5 0 0 1 10 0v3m-11.5 0h13v9h-13v-9Z";
const BACK = "M9 7 4.5 11.5 9 16m-4-4.5h9a5 5 0 0 1 5 5V19";

/** What of the changes a cell has to know. */
export interface Changes {
  /** The places of what is on its way to the gateway. */
  readonly saving: readonly string[];
  readonly failed: Readonly<Record<string, string>>;
}

export interface Made {
  readonly element: HTMLElement;
  update(cell: Cell, changes: Changes): void;
}

/** Where there is nothing to choose. */
export function fixed(t: Strings): Made {
  const word = h("span", {});
  const why = h("span", { class: "from" });
  return {
    element: h("td", {}, h("span", { class: "lock" }, drawing(LOCK), word), why),
    update({ value }) {
      word.textContent = value === null ? t.mixed : value ? t.always : t.never;
      why.textContent = value === false ? t.lockedOff : t.locked;
    },
  };
}

/** `about` is what the line is called; `choose` chooses at the place of the cell, null takes the choice back. */
export function choice(
  t: Strings,
  line: Line,
  channel: Channel,
  about: string,
  choose: (value: Wish | null) => void,
): Made {
  const { place } = line.cells[channel];
  const by = t.channels[channel];
  const name = t.cell(by, about);
  const from = h("span", { class: "from", id: `from ${place}`.replace(/ /g, "-") });
  const error = h("span", { class: "error", role: "alert" });
  const input = h("input", {
    type: "checkbox",
    class: "switch",
    part: "switch",
    "aria-label": name,
    "aria-describedby": from.id,
    "data-focus": place,
    onchange: () => choose(input.checked),
  });
  // The switch of a channel as a whole knows only on and off.
  const often = channel === "email" && line.kind !== "all" && howOften(t, name, choose);
  const reset =
    line.kind === "type" &&
    wayBack(t.reset(about, by), () => {
      // The button goes with the choice: the switch beside it stays.
      input.focus();
      choose(null);
    });
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
      from.textContent = originOf(t, cell, by);
      const text = said(failed[place], t);
      // Said once: what is written again is spoken again.
      if (error.textContent !== text) error.textContent = text;
    },
  };
}

function howOften(t: Strings, name: string, choose: (value: Wish) => void): HTMLSelectElement {
  const select = h(
    "select",
    {
      class: "often",
      "aria-label": `${name}: ${t.often}`,
      onchange: () => {
        const { value } = select;
        choose(value === "daily" || value === "weekly" ? value : true);
      },
    },
    h("option", { value: "" }, t.atOnce),
    h("option", { value: "daily" }, t.daily),
    h("option", { value: "weekly" }, t.weekly),
  );
  return select;
}

const wayBack = (label: string, onclick: () => void): HTMLButtonElement =>
  h("button", { type: "button", class: "reset", "aria-label": label, title: label, onclick }, drawing(BACK));

/** Where what a cell says comes from. */
const originOf = (t: Strings, { from }: Cell, by: string): string =>
  ({
    chosen: t.chosen,
    default: t.byDefault,
    channel: t.channelOff(by),
    locked: t.locked,
    mixed: t.mixed,
    types: t.byType,
  })[from];
