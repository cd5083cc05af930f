/**
 * `<bellhop-inbox>`: a bell with a badge, a panel with the notifications, and toasts.
 *
 * Importing this file defines the element. It makes everything in code and styles itself by a style sheet made in
 * code, so it works under the strictest Content-Security-Policy.
 */

import { connect, type Inbox } from "../index.ts";
import type { ConnectOptions, Notification } from "../protocol.ts";
import { type Bell, bell } from "./bell.ts";
import type { Category } from "./catalog.ts";
import { destination, h } from "./elements.ts";
import { fetched, wordsOf } from "./fetched.ts";
import { type Icon, kindIcon, named } from "./icons.ts";
import { LANGUAGES } from "./languages.ts";
import { fetchPanel, foresee, type PanelFile, panelFile } from "./late.ts";
import { type Notice, notice } from "./notice.ts";
import type { Panel } from "./panel.ts";
import type { Reach } from "./reach.ts";
import { type Speech, speech } from "./speech.ts";
import { ENGLISH, type Strings } from "./strings.ts";
import { sheet } from "./style.ts";
import type { Toasts } from "./toasts.ts";

export type { Icon } from "./icons.ts";
export { ENGLISH, type Strings } from "./strings.ts";

const PROPERTIES = ["inbox", "strings", "getToken", "options", "icon", "categories"] as const;
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

let toastFile: Promise<typeof import("./toasts.ts")> | undefined;

/** What the element is made of, in one language. */
interface Parts {
  bell: Bell;
  /** Made when it is first opened. */
  panel?: Panel;
  notice: Notice;
  /** Where toasts are shown; and they, once something has arrived. */
  place: HTMLElement;
  toasts?: Toasts;
  speech: Speech;
}

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
  /** Whether the panel is to open once it is there. */
  #isWanted = false;
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
    this.#parts?.panel?.show();
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
    const isOpen = this.#isWanted || this.#parts.panel?.isOpen;
    this.#build();
    this.#show();
    if (isOpen) this.open();
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name);
    if (!this.#parts) this.#build();
    fetched(async () => wordsOf(LANGUAGES, this.#language())).then((words) => {
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
    this.#close();
    this.#leave();
  }

  attributeChangedCallback(): void {
    if (this.#inbox && !this.#own) return;
    this.#leave();
    queueMicrotask(() => this.isConnected && this.#join());
  }

  open(): void {
    if (!this.#parts) return;
    this.#parts.toasts?.clear();
    this.#wait(!panelFile);
    if (panelFile) this.#panel(panelFile).open();
    else fetchPanel().then(() => this.#isWanted && this.open());
  }

  close(): void {
    this.#close({ focus: true });
  }

  #close(how = { focus: false }): void {
    this.#wait(false);
    this.#parts?.panel?.close(how);
  }

  /** Shows whether the panel was asked for and is on its way. */
  #wait(is: boolean): void {
    this.#isWanted = is;
    this.#parts?.bell.element.setAttribute("aria-busy", String(is));
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
    if (!this.#inbox) {
      const token = this.getAttribute("token") ?? undefined;
      const options = {
        url: this.getAttribute("url") ?? undefined,
        path: this.getAttribute("path") ?? undefined,
        token,
        share: this.getAttribute("share") !== "off",
        ...this.#options,
      };
      if (!options.token && !options.getToken) return;
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
    if (this.#own) this.#inbox?.close();
    if (this.#own) this.#inbox = undefined;
    this.#own = false;
    this.#parts?.notice.clear();
  }

  #ways(): string[] {
    return (this.getAttribute("reach") ?? "").split(/\s+/);
  }

  #language(): string {
    return this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
  }

  #build(): void {
    this.#close();
    this.#parts?.notice.clear();
    this.#unread = -1;
    const strings = this.#strings;
    const button = bell({
      strings,
      near: fetchPanel,
      pressed: () => (this.#isWanted || this.#parts?.panel?.isOpen ? this.close() : this.open()),
    });
    const parts = {
      bell: button,
      notice: notice({ strings, reconnect: () => this.#inbox?.reconnect(), told: button.tell }),
      // Silent: the live region speaks for them, once a second at most.
      place: h("div", {
        class: "toasts",
        part: "toasts",
        role: "log",
        "aria-live": "off",
        "aria-label": strings.toasts,
      }),
      speech: speech({ strings }),
    };
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet()];
    root.replaceChildren(button.element, parts.place, parts.speech.element);
    this.#parts = parts;
  }

  #panel({ panel }: PanelFile): Panel {
    const parts = this.#parts as Parts;
    parts.panel ??= panel({
      bell: parts.bell.element,
      notice: parts.notice.element,
      strings: this.#strings,
      language: this.#language(),
      icon: this.#looks,
      categories: () => this.#categories,
      told: () => this.#told,
      inbox: () => this.#inbox,
      follow: this.#follow,
      preferences: () => this.getAttribute("preferences-url"),
      leave: (event) => this.#leaveFor(event),
      wantsDesktop: () =>
        this.#ways().includes("desktop") && globalThis.Notification?.permission === "default",
    });
    return parts.panel;
  }

  #show(): void {
    const snapshot = this.#inbox?.getSnapshot();
    if (!snapshot || !this.#parts) return;
    const { unread } = snapshot;
    if (unread !== this.#unread) {
      this.#unread = unread;
      this.#parts.bell.show(unread);
      this.#tell("bellhop-unread", unread);
      this.#reach?.count(unread);
    }
    const known = this.#own || this.#options.getToken || this.#options.token;
    if (!this.#told && known && snapshot.items.some(({ category }) => category)) this.#ask();
    this.#parts.notice.show(snapshot);
    this.#parts.panel?.show();
    if (snapshot.state === "ready") foresee();
  }

  /** Has the gateway say what its catalog calls the categories; where a page has none of them, nobody asks. */
  #ask(): void {
    const url = this.getAttribute("url") ?? undefined;
    const token = this.getAttribute("token") ?? undefined;
    this.#told = [];
    fetched(() => import("./catalog.ts"))
      .then(({ categoriesOf }) => categoriesOf({ url, token, ...this.#options }))
      .then((told) => {
        this.#told = told;
        this.#parts?.panel?.show();
      });
  }

  /** The picture that the page wants, or the catalog's for the category, or one that fits the type. */
  readonly #looks: Icon = (notification) => {
    const told =
      this.#icon === kindIcon && this.#told?.find(({ key, icon }) => icon && key === notification.category);
    return told ? named(told.icon as string) : this.#icon(notification);
  };

  #arrived(arrived: readonly Notification[]): void {
    this.#reach?.arrived(arrived);
    if (document.visibilityState !== "visible" || !this.#parts) return;
    const { bell, speech } = this.#parts;
    bell.ring();
    if (this.getAttribute("toasts") !== "off") this.#toast(arrived);
    speech.tell(arrived);
  }

  async #toast(arrived: readonly Notification[]): Promise<void> {
    if (this.#parts?.panel?.isOpen) return;
    // One promise for all: what came later is shown later.
    toastFile ??= fetched(() => import("./toasts.ts"));
    const { toasts } = await toastFile;
    const parts = this.#parts as Parts;
    // Who has opened the panel meanwhile sees them there.
    if (this.#isWanted || parts.panel?.isOpen) return;
    parts.toasts ??= toasts({
      element: parts.place,
      strings: this.#strings,
      icon: this.#looks,
      follow: this.#follow,
      open: () => this.open(),
    });
    parts.toasts.show(arrived);
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
    this.#close();
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
