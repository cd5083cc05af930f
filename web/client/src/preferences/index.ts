/**
 * `<bellhop-preferences>`: what a person is told, by which channel and when, to be looked at and changed.
 *
 * Importing this file defines the element. Like the inbox it makes everything in code, its style sheet too.
 */

import { h } from "../inbox/elements.ts";
import { fetched, wordsOf } from "../inbox/fetched.ts";
import { type Notice, notice } from "../inbox/notice.ts";
import {
  type Preferences,
  type PreferencesPatch,
  preferences,
  type Undoable,
  type Wish,
} from "../preferences.ts";
import type { ConnectOptions } from "../protocol.ts";
import { options as choices, type Field, field } from "./fields.ts";
import { lines } from "./grid.ts";
import { LANGUAGES } from "./languages.ts";
import { QUIET, type Quiet, quiet, said, ZONE } from "./quiet.ts";
import { ENGLISH, type Strings } from "./strings.ts";
import { sheet } from "./style.ts";
import { placed, type Table, table } from "./table.ts";
import { TRACKING, type Tracking, tracking } from "./tracking.ts";

export {
  type Channel,
  type Preferences,
  type PreferencesPatch,
  type PreferencesSnapshot,
  preferences,
  UNKNOWN,
  type Undoable,
  type Wish,
} from "../preferences.ts";
export { ENGLISH, type Strings } from "./strings.ts";

const PROPERTIES = ["preferences", "strings", "getToken", "options", "categories"] as const;
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/** What the element is made of, in one language. */
interface Parts {
  strings: Strings;
  notice: Notice;
  waits: HTMLElement;
  trouble: HTMLElement;
  known: HTMLElement;
  table: Table;
  quiet: Quiet;
  tracking: Tracking;
  language: Field;
  tongues: HTMLElement;
  undo: HTMLElement;
}

/**
 * Attributes: `url`, `path`, `token`, `theme` (`light` or `dark`; otherwise the system's), `share="off"`, and `tracking`: the
 * person is asked whether it may be known which links in email they follow; as `tracking="opens"` also which emails they open.
 */
export class BellhopPreferences extends Base {
  static readonly observedAttributes = ["url", "path", "token"];

  #options: Partial<ConnectOptions> = {};
  #strings = ENGLISH;
  /** Those of the page's language, once they have come, and those that the page gave. */
  #words: Strings | undefined;
  #given: Partial<Strings> = {};
  #categories: readonly string[] | undefined;
  #preferences: Preferences | undefined;
  /** Whether it opened them itself. */
  #own = false;
  #detach: (() => void) | undefined;
  #parts: Parts | undefined;
  /** The categories of which all types are shown. */
  readonly #open = new Set<string>();
  /** What the offer to undo is about, and the place of what it was about last. */
  #offered: Undoable | null = null;
  #last = "";

  /** The preferences it shows: those that were set, or those it opened by its own attributes. */
  get preferences(): Preferences | undefined {
    return this.#preferences;
  }
  set preferences(opened: Preferences | undefined) {
    this.#leave();
    this.#preferences = opened;
    if (this.isConnected && opened) this.#watch();
  }

  /** Options of the connection beside the attributes. */
  get options(): Partial<ConnectOptions> {
    return this.#options;
  }
  set options(options: Partial<ConnectOptions>) {
    this.#options = options;
    this.attributeChangedCallback();
  }

  /** Answers a fresh token; short for the option of that name. */
  get getToken(): ConnectOptions["getToken"] {
    return this.#options.getToken;
  }
  set getToken(getToken: ConnectOptions["getToken"]) {
    this.options = { ...this.#options, getToken };
  }

  /** The keys of the categories that are shown; left out, all are. */
  get categories(): readonly string[] | undefined {
    return this.#categories;
  }
  set categories(categories: readonly string[] | undefined) {
    this.#categories = categories;
    this.#show();
  }

  get strings(): Strings {
    return this.#strings;
  }
  /** Those left out stay as they are in the language of the page, or English. */
  set strings(strings: Partial<Strings>) {
    this.#given = strings;
    this.#speak();
  }

  /** Says all anew, in the words that there are now. */
  #speak(): void {
    this.#strings = { ...(this.#words ?? ENGLISH), ...this.#given };
    if (!this.#parts) return;
    this.#build();
    this.#show();
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name);
    if (!this.#parts) this.#build();
    fetched(async () => wordsOf(LANGUAGES, this.#language())).then((words) => {
      if (!words) return;
      this.#words = words;
      this.#speak();
    });
    // A framework may set properties right after it puts the element into the page.
    queueMicrotask(() => this.isConnected && this.#join());
  }

  disconnectedCallback(): void {
    this.#leave();
  }

  attributeChangedCallback(): void {
    if (this.#preferences && !this.#own) return;
    this.#leave();
    queueMicrotask(() => this.isConnected && this.#join());
  }

  /** Takes over a property that was set before the element was defined. */
  #upgrade(name: (typeof PROPERTIES)[number]): void {
    const self = this as Record<string, unknown>;
    const own = Object.getOwnPropertyDescriptor(this, name);
    if (!own) return;
    delete self[name];
    self[name] = own.value;
  }

  #join(): void {
    if (!this.#preferences) {
      const options = {
        url: this.getAttribute("url") ?? undefined,
        path: this.getAttribute("path") ?? undefined,
        token: this.getAttribute("token") ?? undefined,
        share: this.getAttribute("share") !== "off",
        ...this.#options,
      };
      if (!options.token && !options.getToken) return;
      this.#own = true;
      this.#preferences = preferences(options);
    }
    if (!this.#detach) this.#watch();
  }

  #watch(): void {
    this.#detach = this.#preferences?.subscribe(() => this.#show());
    this.#show();
  }

  #leave(): void {
    this.#detach?.();
    this.#detach = undefined;
    if (this.#own) {
      this.#preferences?.close();
      this.#preferences = undefined;
    }
    this.#own = false;
    this.#parts?.notice.clear();
  }

  #language(): string {
    return this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
  }

  #build(): void {
    this.#parts?.notice.clear();
    const language = this.#language();
    const t = this.#strings;
    const choose = (patch: PreferencesPatch, place: string): void => this.#preferences?.choose(patch, place);
    const tongue = field(t.language, "locale", (value) => choose({ locale: value || null }, "locale"), {
      labelled: true,
    });
    const parts: Parts = {
      strings: t,
      notice: notice({
        strings: { connecting: t.connecting, stopped: t.stopped, reconnect: t.retry },
        reconnect: () => this.#preferences?.reload(),
        told: () => {},
      }),
      waits: h(
        "div",
        { class: "waits", role: "img", "aria-label": t.loading },
        ...Array.from({ length: 5 }, () => h("i")),
      ),
      trouble: h("div", { class: "trouble", role: "status", hidden: true }),
      known: h("div", { class: "known", hidden: true }),
      table: table({
        strings: t,
        choose: (place, value) => choose(patchOf(place, value), place),
        toggle: (category) => {
          if (!this.#open.delete(category)) this.#open.add(category);
          this.#show();
        },
      }),
      quiet: quiet({ strings: t, language, choose }),
      tracking: tracking({ strings: t, choose }),
      language: tongue,
      tongues: h(
        "section",
        { "aria-labelledby": "tongue" },
        h("h3", { id: "tongue" }, t.language),
        h("p", { class: "hint" }, t.languageHint),
        tongue.element,
      ),
      undo: h("div", { class: "undo", role: "status", hidden: true }),
    };
    parts.known.append(
      parts.table.element,
      h("div", { class: "more" }, parts.quiet.element, parts.tracking.element, parts.tongues),
    );
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet()];
    root.replaceChildren(
      h(
        "div",
        { class: "whole", part: "preferences", role: "group", "aria-labelledby": "title" },
        h("header", { part: "header" }, h("h2", { id: "title" }, t.title)),
        parts.notice.element,
        parts.waits,
        parts.trouble,
        parts.known,
        parts.undo,
      ),
    );
    this.#parts = parts;
    this.#offered = null;
  }

  #show(): void {
    const snapshot = this.#preferences?.getSnapshot();
    if (!snapshot || !this.#parts) return;
    const {
      notice,
      waits,
      trouble,
      known,
      table,
      quiet,
      tracking,
      language,
      tongues,
      strings: t,
    } = this.#parts;
    const { chosen, failed, saving, undoable } = snapshot;
    notice.show(snapshot);
    const isUnreadable = !chosen && failed[""] !== undefined && snapshot.state === "ready";
    waits.hidden = chosen !== null || isUnreadable;
    known.hidden = chosen === null;
    if (isUnreadable && trouble.hidden)
      trouble.replaceChildren(
        h("b", {}, t.unreadable),
        h("button", { type: "button", onclick: () => this.#preferences?.reload() }, t.retry),
      );
    trouble.hidden = !isUnreadable;
    if (!chosen) return;
    const wanted = this.#categories;
    const grid = wanted ? chosen.grid.filter(({ category }) => wanted.includes(category)) : chosen.grid;
    table.show(lines({ ...chosen, grid }, this.#open), { open: this.#open, saving, failed });
    quiet.show(chosen, failed, saving);
    tracking.show(chosen, failed, this.getAttribute(TRACKING));
    const tags = choices(chosen.locales, chosen.locale);
    tongues.hidden = tags.length < 2;
    language.show(
      tags.map((tag) => [tag, tongueOf(tag)]),
      chosen.locale,
      t.automatic,
      said(failed.locale, t),
    );
    this.#offer(undoable);
  }

  /** Tells of the last change, with a way back. */
  #offer(undoable: Undoable | null): void {
    const { undo, table, strings: t } = this.#parts as Parts;
    if (undoable === this.#offered) return;
    this.#offered = undoable;
    if (undoable === null) {
      // The button goes: whoever has pressed it is where the change was.
      if (undo.contains(this.shadowRoot?.activeElement ?? null)) this.#focus();
      undo.hidden = true;
      undo.replaceChildren();
      return;
    }
    const names: Record<string, string> = {
      [QUIET]: t.quiet,
      [ZONE]: t.zone,
      [TRACKING]: t.tracking,
      locale: t.language,
    };
    const { place } = undoable;
    const what = names[place] ?? table.name(place) ?? t.title;
    this.#last = place;
    // In sight first: what was there before it was shown is not spoken.
    undo.hidden = false;
    undo.replaceChildren(
      h("span", {}, t.saved(what)),
      h("button", { type: "button", onclick: () => this.#preferences?.undo() }, t.undo),
    );
  }

  /** Where the last change was made. */
  #focus(): void {
    if (this.shadowRoot) placed(this.shadowRoot, this.#last)?.focus();
  }
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

if (globalThis.customElements && !customElements.get("bellhop-preferences"))
  customElements.define("bellhop-preferences", BellhopPreferences);

declare global {
  interface HTMLElementTagNameMap {
    "bellhop-preferences": BellhopPreferences;
  }
}
