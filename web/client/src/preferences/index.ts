/**
 * `<bellhop-preferences>`: what a person is told, by which channel and when, to be looked at and changed.
 *
 * Importing this file defines the element. Like the inbox it makes everything in code, its style sheet too.
 */

import { languageOf, optionsOf, upgrade } from "../inbox/attributes.ts";
import { fetched, wordsOf } from "../inbox/fetched.ts";
import { type Preferences, preferences } from "../preferences.ts";
import type { ConnectOptions } from "../protocol.ts";
import { LANGUAGES } from "./languages.ts";
import { ENGLISH, type Strings } from "./strings.ts";
import { sheet } from "./style.ts";
import { TRACKING } from "./tracking.ts";
import { type View, view } from "./view.ts";

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
  #view: View | undefined;
  /** The categories of which all types are shown. */
  readonly #open = new Set<string>();

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
    if (!this.#view) return;
    this.#build();
    this.#show();
  }

  connectedCallback(): void {
    upgrade(this, PROPERTIES);
    if (!this.#view) this.#build();
    fetched(async () => wordsOf(LANGUAGES, languageOf(this))).then((words) => {
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

  #join(): void {
    if (!this.#preferences) {
      const options = optionsOf(this, this.#options);
      if (!options) return;
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
    this.#view?.clear();
  }

  #build(): void {
    this.#view?.clear();
    this.#view = view({
      strings: this.#strings,
      language: languageOf(this),
      preferences: () => this.#preferences,
      open: this.#open,
      show: () => this.#show(),
    });
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet()];
    root.replaceChildren(this.#view.element);
  }

  #show(): void {
    const snapshot = this.#preferences?.getSnapshot();
    if (snapshot) this.#view?.show(snapshot, this.#categories, this.getAttribute(TRACKING));
  }
}

if (globalThis.customElements && !customElements.get("bellhop-preferences"))
  customElements.define("bellhop-preferences", BellhopPreferences);

declare global {
  interface HTMLElementTagNameMap {
    "bellhop-preferences": BellhopPreferences;
  }
}
