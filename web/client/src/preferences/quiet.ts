/** Quiet hours: whether there are any, from when to when, on which days, and by which clock. */

import { h } from "../inbox/elements.ts";
import type { PreferencesPatch } from "../preferences.ts";
import type { PreferencesAnswer } from "../shapes.ts";
import { DAYS, weekdays } from "./days.ts";
import { options as choices, field } from "./fields.ts";
import { type Strings, said } from "./strings.ts";

/** How long after the last key a time is taken for the one that is meant. */
const TYPING_MS = 900;
const USUAL = { start: "22:00", end: "07:00" };
const NONE = { quiet_hours: null };

export const QUIET = "quiet_hours";
export const ZONE = "timezone";

export interface Quiet {
  readonly element: HTMLElement;
  /** `saving` are the places of what is on its way to the gateway. */
  show(chosen: PreferencesAnswer, failed: Readonly<Record<string, string>>, saving: readonly string[]): void;
}

const device = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function quiet(options: {
  strings: Strings;
  /** The language of the page. */
  language: string;
  choose: (patch: PreferencesPatch, place: string) => void;
}): Quiet {
  const { strings: t, language, choose } = options;
  let known: PreferencesAnswer | undefined;
  let typing: ReturnType<typeof setTimeout> | undefined;

  const settle = (): void => {
    clearTimeout(typing);
    typing = undefined;
    const hours = known?.quiet_hours;
    const [from, to] = [start.value, end.value];
    if (!hours || !from || !to || (hours.start === from && hours.end === to)) return;
    choose({ quiet_hours: { start: from, end: to } }, QUIET);
  };
  const clock = (label: string): HTMLInputElement =>
    h("input", {
      type: "time",
      required: true,
      "aria-label": `${t.quiet}: ${label}`,
      onblur: settle,
      oninput: () => {
        clearTimeout(typing);
        typing = setTimeout(settle, TYPING_MS);
      },
      onkeydown: ({ key }: KeyboardEvent) => key === "Enter" && settle(),
    });
  const start = clock(t.from);
  const end = clock(t.to);

  const on = h("input", {
    type: "checkbox",
    class: "switch",
    part: "switch",
    id: "quiet-on",
    "aria-describedby": "quiet-hint",
    "data-focus": QUIET,
    onchange: () => {
      if (!on.checked) return choose(NONE, QUIET);
      // Whoever says when by the clock means the clock on the wall.
      const zone = known?.timezone ? {} : { timezone: device() };
      choose({ quiet_hours: USUAL, ...zone }, QUIET);
    },
  });

  const pills = weekdays({
    label: t.days,
    language,
    choose(days) {
      if (!days.length) choose(NONE, QUIET);
      else choose({ quiet_hours: { days: days.length === DAYS.length ? null : days } }, QUIET);
    },
  });

  const zone = field(t.zone, ZONE, (value) => choose({ timezone: value || null }, ZONE));
  const when = h("span", { class: "when" }, start, h("span", {}, t.to), end);
  const details = h(
    "div",
    { class: "details" },
    h("div", { class: "pair" }, h("span", { class: "label" }, t.from), when),
    h("div", { class: "pair" }, h("span", { class: "label" }, t.days), pills.element),
  );
  const error = h("span", { class: "error", role: "alert" });
  const element = h(
    "section",
    { class: "quiet", "aria-labelledby": "quiet" },
    h("h3", { id: "quiet" }, t.quiet),
    h("p", { class: "hint", id: "quiet-hint" }, t.quietHint),
    h("label", { class: "line", for: "quiet-on" }, t.quietOn, on),
    error,
    details,
    zone.element,
  );

  return {
    element,
    show(chosen, failed, saving) {
      known = chosen;
      const hours = chosen.quiet_hours;
      details.hidden = hours === null;
      // Not under the hands of whoever is writing, nor before all that was pressed has been answered: the answer to the
      // press before the last would take the last one back, and the next press send what nobody has chosen.
      const isAnswered = !saving.includes(QUIET);
      if (typing === undefined && isAnswered) {
        start.value = hours?.start ?? USUAL.start;
        end.value = hours?.end ?? USUAL.end;
      }
      if (isAnswered) {
        on.checked = hours !== null;
        pills.show(hours?.days ?? DAYS);
      }
      const zones = choices([...Intl.supportedValuesOf("timeZone"), "UTC"], chosen.timezone);
      zone.show(
        zones.map((value) => [value, value.replace(/_/g, " ")]),
        chosen.timezone,
        t.automatic,
        said(failed[ZONE], t),
      );
      const text = said(failed[QUIET], t);
      if (error.textContent !== text) error.textContent = text;
    },
  };
}
