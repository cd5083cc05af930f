/** The days of the week, to choose some of. */

import { h } from "../inbox/elements.ts";

export const DAYS: readonly string[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/** A Monday: the names of days are those of the week after it. */
const MONDAY = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;

export interface Weekdays {
  readonly element: HTMLElement;
  show(days: readonly string[]): void;
}

export function weekdays(options: {
  label: string;
  /** The language of the page. */
  language: string;
  choose: (days: readonly string[]) => void;
}): Weekdays {
  const { label, language, choose } = options;
  const boxes: readonly { short: string; box: HTMLInputElement }[] = DAYS.map((day, index) => {
    const named = (weekday: "short" | "long"): string =>
      new Intl.DateTimeFormat(language, { weekday, timeZone: "UTC" }).format(MONDAY + index * DAY_MS);
    return {
      short: named("short"),
      box: h("input", {
        type: "checkbox",
        value: day,
        "aria-label": named("long"),
        onchange: () => choose(DAYS.filter((_, other) => boxes[other]?.box.checked)),
      }),
    };
  });
  return {
    element: h(
      "span",
      { class: "days", role: "group", "aria-label": label },
      ...boxes.map(({ box, short }) =>
        h("label", { class: "day" }, box, h("span", { "aria-hidden": "true" }, short)),
      ),
    ),
    show(days) {
      for (const { box } of boxes) box.checked = days.includes(box.value);
    },
  };
}
