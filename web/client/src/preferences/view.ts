/** What the preferences look like, in one language: the table, the hours, what is asked of tracking, the language, and the way back. */

import { h } from "../inbox/elements.ts";
import { notice } from "../inbox/notice.ts";
import type { Preferences, PreferencesPatch, PreferencesSnapshot, Wish } from "../preferences.ts";
import { options as choices, field } from "./fields.ts";
import { lines } from "./grid.ts";
import { offer } from "./offer.ts";
import { QUIET, quiet, ZONE } from "./quiet.ts";
import { type Strings, said } from "./strings.ts";
import { table } from "./table.ts";
import { TRACKING, tracking } from "./tracking.ts";

export interface View {
  readonly element: HTMLElement;
  /** Of the categories those whose keys are `wanted`, or all; `asked` is the value of the attribute `tracking`. */
  show(snapshot: PreferencesSnapshot, wanted: readonly string[] | undefined, asked: string | null): void;
  /** Says nothing any more of a connection. */
  clear(): void;
}

export function view(options: {
  strings: Strings;
  language: string;
  preferences: () => Preferences | undefined;
  /** The keys of categories of which all types are shown; pressed, they change. */
  open: Set<string>;
  /** Has all be shown anew. */
  show: () => void;
}): View {
  const { strings: t, language, preferences, open } = options;
  const choose = (patch: PreferencesPatch, place: string): void => preferences()?.choose(patch, place);
  const reload = (): void => preferences()?.reload();

  const line = notice({
    strings: { connecting: t.connecting, stopped: t.stopped, reconnect: t.retry },
    reconnect: reload,
    told: () => {},
  });
  const waits = h(
    "div",
    { class: "waits", role: "img", "aria-label": t.loading },
    ...Array.from({ length: 5 }, () => h("i")),
  );
  const trouble = h("div", { class: "trouble", role: "status", hidden: true });
  const whole = table({
    strings: t,
    choose: (place, value) => choose(patchOf(place, value), place),
    toggle: (category) => {
      if (!open.delete(category)) open.add(category);
      options.show();
    },
  });
  const hours = quiet({ strings: t, language, choose });
  const traces = tracking({ strings: t, choose });
  const tongue = field(t.language, "locale", (value) => choose({ locale: value || null }, "locale"), {
    labelled: true,
  });
  const tongues = h(
    "section",
    { "aria-labelledby": "tongue" },
    h("h3", { id: "tongue" }, t.language),
    h("p", { class: "hint" }, t.languageHint),
    tongue.element,
  );
  const known = h(
    "div",
    { class: "known", hidden: true },
    whole.element,
    h("div", { class: "more" }, hours.element, traces.element, tongues),
  );
  const names: Readonly<Record<string, string>> = {
    [QUIET]: t.quiet,
    [ZONE]: t.zone,
    [TRACKING]: t.tracking,
    locale: t.language,
  };
  const back = offer({
    strings: t,
    name: (place) => names[place] ?? whole.name(place) ?? t.title,
    undo: () => preferences()?.undo(),
  });

  return {
    element: h(
      "div",
      { class: "whole", part: "preferences", role: "group", "aria-labelledby": "title" },
      h("header", { part: "header" }, h("h2", { id: "title" }, t.title)),
      line.element,
      waits,
      trouble,
      known,
      back.element,
    ),
    show(snapshot, wanted, asked) {
      const { chosen, failed, saving, undoable } = snapshot;
      line.show(snapshot);
      const isUnreadable = !chosen && failed[""] !== undefined && snapshot.state === "ready";
      waits.hidden = chosen !== null || isUnreadable;
      known.hidden = chosen === null;
      if (isUnreadable && trouble.hidden)
        trouble.replaceChildren(
          h("b", {}, t.unreadable),
          h("button", { type: "button", onclick: reload }, t.retry),
        );
      trouble.hidden = !isUnreadable;
      if (!chosen) return;
      const grid = wanted ? chosen.grid.filter(({ category }) => wanted.includes(category)) : chosen.grid;
      whole.show(lines({ ...chosen, grid }, open), { open, saving, failed });
      hours.show(chosen, failed, saving);
      traces.show(chosen, failed, asked);
      const tags = choices(chosen.locales, chosen.locale);
      tongues.hidden = tags.length < 2;
      tongue.show(
        tags.map((tag) => [tag, tongueOf(tag)]),
        chosen.locale,
        t.automatic,
        said(failed.locale, t),
      );
      back.show(undoable);
    },
    clear: line.clear,
  };
}

/** `categories.offers.email` → `{categories: {offers: {email: value}}}`. */
function patchOf(place: string, value: Wish | null): PreferencesPatch {
  return place
    .split(".")
    .reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as PreferencesPatch;
}

/** A language by its own name. */
function tongueOf(tag: string): string {
  const name = new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
}
