/**
 * `<bellhop-inbox>`: a bell with a badge, a panel with the notifications, and toasts.
 *
 * Importing this file defines the element. It makes everything in code and styles itself by a style sheet made in
 * code, so it works under the strictest Content-Security-Policy.
 */

import { connect, type Inbox } from "../index.ts";
import type { ConnectOptions, Notification } from "../protocol.ts";
import { languageOf, optionsOf, upgrade } from "./attributes.ts";
import type { Category } from "./catalog.ts";
import { destination } from "./elements.ts";
import { fetched, wordsOf } from "./fetched.ts";
import { type Icon, kindIcon, named } from "./icons.ts";
import { LANGUAGES } from "./languages.ts";
import { fetchToasts } from "./late.ts";
import { type Parts, parts } from "./parts.ts";
import type { Reach } from "./reach.ts";
import { ENGLISH, type Strings } from "./strings.ts";
import { sheet } from "./style.ts";

export type { Icon } from "./icons.ts";
export { ENGLISH, type Strings } from "./strings.ts";

const PROPERTIES = ["inbox", "strings", "getToken", "options", "icon", "categories"] as const;
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/**
 * Attributes: `url`, `path`, `token`, `theme` (`light` or `dark`; otherwise the system's), `toasts="off"`, `share="off"`,
 * `preferences-url`, where the panel's header leads to the person's preferences, `reach` (of `title`, `icon`, `desktop`,
 * `sound` those that the page wants).
 *
 * Events, all bubbling: `bellhop-open` with the notification as `detail` before its link is followed, and
 * `bellhop-preferences` before that of the header is, which `preventDefault` stops; `bellhop-unread` with the number.
 */
export class BellhopInbox extends Base {
  static readonly observedAttributes = ["url", "path", "token"];

  #options: Partial<ConnectOptions> = {};
  #icon: Icon = kindIcon;
  #strings = ENGLISH;
  /** Those of the page's language, once they have come, and those that the page gave. */
  #words: Strings | undefined;
  #given: Partial<Strings> = {};
  #categories: Readonly<Record<string, string>> | undefined;
  /** What the gateway has told of them; undefined until a notification of one is there to be asked for. */
  #told: readonly Category[] | undefined;
  #inbox: Inbox | undefined;
  /** Whether it opened the inbox itself. */
  #own = false;
  #detach: (() => void)[] = [];
  #parts: Parts | undefined;
  #unread = -1;
  /** What tells those who do not look at the page; only where the page wants it. */
  #reach: Reach | undefined;

  /** The inbox it shows: one that was set, or the one it opened by its own attributes. */
  get inbox(): Inbox | undefined {
    return this.#inbox;
  }
  set inbox(inbox: Inbox | undefined) {
    this.#leave();
    this.#inbox = inbox;
    if (this.isConnected && inbox) this.#watch();
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

  /** Answers the picture of a notification and its hue in degrees. */
  get icon(): Icon {
    return this.#icon;
  }
  set icon(icon: Icon) {
    this.#icon = icon;
  }

  /** The names of categories by their keys, in the order of their tabs; left out, the catalog's own of those that are seen. */
  get categories(): Readonly<Record<string, string>> | undefined {
    return this.#categories;
  }
  set categories(categories: Readonly<Record<string, string>> | undefined) {
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
    const isOpen = this.#parts.isOpen();
    this.#build();
    this.#show();
    if (isOpen) this.open();
  }

  connectedCallback(): void {
    upgrade(this, PROPERTIES);
    if (!this.#parts) this.#build();
    fetched(async () => wordsOf(LANGUAGES, languageOf(this))).then((words) => {
      if (!words) return;
      this.#words = words;
      this.#speak();
    });
    if (this.hasAttribute("reach"))
      fetched(() => import("./reach.ts")).then(({ reach }) => {
        if (!this.isConnected || this.#reach) return;
        this.#reach = reach({
          ways: () => this.#ways(),
          inbox: () => this.#inbox,
          follow: this.#follow,
        });
        this.#reach.count(Math.max(0, this.#unread));
      });
    // A framework may set properties right after it puts the element into the page.
    queueMicrotask(() => this.isConnected && this.#join());
  }

  disconnectedCallback(): void {
    this.#reach?.leave();
    this.#reach = undefined;
    this.#parts?.close({ focus: false });
    this.#leave();
  }

  attributeChangedCallback(): void {
    if (this.#inbox && !this.#own) return;
    this.#leave();
    queueMicrotask(() => this.isConnected && this.#join());
  }

  open(): void {
    this.#parts?.open();
  }

  close(): void {
    this.#parts?.close({ focus: true });
  }

  #join(): void {
    if (!this.#inbox) {
      const options = optionsOf(this, this.#options);
      if (!options) return;
      this.#own = true;
      this.#inbox = connect(options);
    }
    if (!this.#detach.length) this.#watch();
  }

  #watch(): void {
    const inbox = this.#inbox as Inbox;
    this.#detach = [
      inbox.subscribe(() => this.#show()),
      inbox.onArrival((arrived) => this.#arrived(arrived)),
    ];
    this.#show();
  }

  #leave(): void {
    for (const detach of this.#detach.splice(0)) detach();
    if (this.#own) {
      this.#inbox?.close();
      this.#inbox = undefined;
    }
    this.#own = false;
    this.#parts?.clear();
  }

  #ways(): string[] {
    return (this.getAttribute("reach") ?? "").split(/\s+/);
  }

  #build(): void {
    this.#parts?.close({ focus: false });
    this.#parts?.clear();
    this.#unread = -1;
    this.#parts = parts({
      strings: this.#strings,
      language: languageOf(this),
      icon: this.#looks,
      categories: () => this.#categories,
      told: () => this.#told,
      inbox: () => this.#inbox,
      follow: this.#follow,
      preferences: () => this.getAttribute("preferences-url"),
      leave: (event) => this.#leaveFor(event),
      wantsDesktop: () => {
        try {
          return (
            this.#ways().includes("desktop") &&
            globalThis.Notification?.permission === "default" &&
            // It shows nothing yet, and throws where pages may show none, as in Chrome on Android.
            !!new Notification("")
          );
        } catch {
          return false;
        }
      },
    });
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet()];
    root.replaceChildren(...this.#parts.elements);
  }

  #show(): void {
    const snapshot = this.#inbox?.getSnapshot();
    if (!snapshot || !this.#parts) return;
    const { unread } = snapshot;
    if (unread !== this.#unread) {
      this.#unread = unread;
      this.#parts.count(unread);
      this.#tell("bellhop-unread", unread);
      this.#reach?.count(unread);
    }
    const known = this.#own || this.#options.getToken || this.#options.token;
    if (!this.#told && known && snapshot.items.some(({ category }) => category)) this.#ask();
    this.#parts.show(snapshot);
  }

  /** Has the gateway say what its catalog calls the categories; where a page has none of them, nobody asks. */
  #ask(): void {
    this.#told = [];
    fetched(() => import("./catalog.ts"))
      .then(({ categoriesOf }) => categoriesOf(optionsOf(this, this.#options) ?? {}))
      .then((told) => {
        this.#told = told;
        this.#show();
      });
  }

  /** The picture that the page wants, or the catalog's for the category, or one that fits the type. */
  readonly #looks: Icon = (notification) => {
    const told =
      this.#icon === kindIcon && this.#told?.find(({ key, icon }) => icon && key === notification.category);
    return told ? named(told.icon as string) : this.#icon(notification);
  };

  async #arrived(arrived: readonly Notification[]): Promise<void> {
    this.#reach?.arrived(arrived);
    if (document.visibilityState !== "visible" || !this.#parts) return;
    this.#parts.tell(arrived);
    if (this.getAttribute("toasts") === "off" || this.#parts.isOpen()) return;
    const file = await fetchToasts();
    // Those of now: they may have been made anew, in another language.
    this.#parts.toast(file, arrived);
  }

  /** Reads it, and goes where its link leads, unless the page sees to that itself. */
  readonly #follow = (notification: Notification): void => {
    const href = destination(notification.link);
    if (href) this.#inbox?.click(notification.id);
    else this.#inbox?.read(notification.id);
    if (this.#tell("bellhop-open", notification) && href) location.assign(href);
  };

  /** Goes to the preferences, unless the page sees to that itself. */
  #leaveFor(event: Event): void {
    const url = this.getAttribute("preferences-url");
    if (!this.#tell("bellhop-preferences", url) || !destination(url)) event.preventDefault();
    this.#parts?.close({ focus: false });
  }

  /** Answers whether nobody prevented what comes of it. */
  #tell(name: string, detail: unknown): boolean {
    return this.dispatchEvent(
      new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: name !== "bellhop-unread" }),
    );
  }
}

if (globalThis.customElements && !customElements.get("bellhop-inbox"))
  customElements.define("bellhop-inbox", BellhopInbox);

declare global {
  interface HTMLElementTagNameMap {
    "bellhop-inbox": BellhopInbox;
  }
}
