/** Whether it may be known which links in email the person follows, and what is opened: only the person can say so. */

import { h } from "../inbox/elements.ts";
import type { PreferencesPatch } from "../preferences.ts";
import type { PreferencesAnswer } from "../shapes.ts";
import { type Strings, said } from "./strings.ts";

export const TRACKING = "tracking";
/** The value of the attribute where mail tells that it was opened, too. */
export const OPENS = "opens";

export interface Tracking {
  readonly element: HTMLElement;
  /** `asked` is the value of the attribute; null without one. */
  show(chosen: PreferencesAnswer, failed: Readonly<Record<string, string>>, asked: string | null): void;
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
  const question = h("span", {});
  const element = h(
    "section",
    { class: "tracking", "aria-labelledby": "tracking" },
    h("h3", { id: "tracking" }, t.tracking),
    h("p", { class: "hint", id: "tracking-hint" }, t.trackingHint),
    h("label", { class: "line", for: "tracking-on" }, question, on),
    error,
  );
  return {
    element,
    show(chosen, failed, asked) {
      element.hidden = asked === null;
      question.textContent = asked === OPENS ? t.trackingOpens : t.trackingOn;
      on.checked = chosen.tracking === true;
      const text = said(failed[TRACKING], t);
      if (error.textContent !== text) error.textContent = text;
    },
  };
}
