/** Whether it may be known which links in email the person follows: only the person can say so. */

import { h } from "../inbox/elements.ts";
import type { PreferencesPatch } from "../preferences.ts";
import type { PreferencesAnswer } from "../shapes.ts";
import { said } from "./quiet.ts";
import type { Strings } from "./strings.ts";

export const TRACKING = "tracking";

export interface Tracking {
  readonly element: HTMLElement;
  show(chosen: PreferencesAnswer, failed: Readonly<Record<string, string>>): void;
}

export function tracking(options: {
  strings: Strings;
  choose: (patch: PreferencesPatch, place: string) => void;
}): Tracking {
  const { strings: t, choose } = options;
  const on = h("input", {
    type: "checkbox",
    class: "switch",
    part: "switch",
    id: "tracking-on",
    "aria-describedby": "tracking-hint",
    "data-focus": TRACKING,
    onchange: () => choose({ tracking: on.checked }, TRACKING),
  });
  const error = h("span", { class: "error", role: "alert" });
  return {
    element: h(
      "section",
      { class: "tracking", "aria-labelledby": "tracking" },
      h("h3", { id: "tracking" }, t.tracking),
      h("p", { class: "hint", id: "tracking-hint" }, t.trackingHint),
      h("label", { class: "line", for: "tracking-on" }, t.trackingOn, on),
      error,
    ),
    show(chosen, failed) {
      on.checked = chosen.tracking === true;
      const text = said(failed[TRACKING], t);
      if (error.textContent !== text) error.textContent = text;
    },
  };
}
