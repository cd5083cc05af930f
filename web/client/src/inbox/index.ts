/**
 * `<bellhop-inbox>`: a bell with a badge, a panel with the notifications, and toasts.
 *
 * Importing this file defines the element. It makes everything in code and styles itself by a style sheet made in
 * code, so it works under the strictest Content-Security-Policy.
 */

import { connect, type Inbox, type Snapshot } from "../index.ts";
import type { ConnectOptions, Item, Notification } from "../protocol.ts";
import { drawing, h } from "./elements.ts";
import { BELL, CHECK, CHECKS, CROSS, kindIcon } from "./icons.ts";
import { type Feed, feed } from "./list.ts";
import { ENGLISH, type Strings } from "./strings.ts";
import { STYLE } from "./style.ts";
import { type Toasts, toasts } from "./toasts.ts";

export { ENGLISH, type Strings } from "./strings.ts";

/** A reconnect shorter than this is nobody's concern. */
const AWAY_MS = 2_000;
/** How long a row is in sight before it counts as seen. */
const SEEN_MS = 600;
const SPEAK_MS = 1_000;
/** In a burst the list is laid out this often; nobody reads faster. A change after a quiet time shows at once. */
const LAYOUT_MS = 100;
/** Rows that make the panel as high as it gets. */
const FULL = 12;
/** And those that an empty one takes the height of. */
const EMPTY = 4;
const GAP_PX = 8;
const PHONE = "(max-width: 480px)";

export type Icon = (notification: Notification) => { picture: Element; hue: number };

const PROPERTIES = ["inbox", "strings", "getToken", "options", "icon"] as const;
/** The unit to tell an age in, its seconds, and the age in seconds below which it is used. */
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 0, 60],
  ["minute", 60, 3_600],
  ["hour", 3_600, 86_400],
  ["day", 86_400, 604_800],
];
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;
let sheet: CSSStyleSheet | undefined;

const short = (count: number): string => (count > 99 ? "99+" : String(count));

/** The address, if following it does no more than lead somewhere. */
const destination = (link: string | null): string | undefined => {
  try {
    const url = new URL(link as string, location.href);
    return link && /^https?:$/.test(url.protocol) ? url.href : undefined;
  } catch {
    return;
  }
};

/**
 * Attributes: `url`, `token`, `theme` (`light` or `dark`; otherwise the system's), `toasts="off"`, `share="off"`.
 *
 * Events, both bubbling: `bellhop-open` with the notification as `detail` before its link is followed, which
 * `preventDefault` stops; `bellhop-unread` with the number.
 */
export class BellhopInbox extends Base {
  static readonly observedAttributes = ["url", "token"];

  #options: Partial<ConnectOptions> = {};
  #icon: Icon = kindIcon;
  #inbox: Inbox | undefined;
  #own = false;
  #strings = ENGLISH;
  #detach: (() => void)[] = [];
  #built = false;
  #open = false;
  #unread = -1;
  #rows = "";
  #laidOut = 0;
  #layout: ReturnType<typeof setTimeout> | undefined;
  #spoken = 0;
  #toSpeak: Notification[] = [];
  #away: ReturnType<typeof setTimeout> | undefined;
  #seeing: ReturnType<typeof setTimeout> | undefined;
  #clock: ReturnType<typeof setInterval> | undefined;
  #format!: { relative: Intl.RelativeTimeFormat; date: Intl.DateTimeFormat };
  #bell!: HTMLButtonElement;
  #badge!: HTMLElement;
  #panel!: HTMLElement;
  #live!: HTMLElement;
  #notice!: HTMLElement;
  #filters!: HTMLElement;
  #readAll!: HTMLButtonElement;
  #middle!: HTMLElement;
  #empty!: HTMLElement;
  #waits!: HTMLElement;
  #newer!: HTMLButtonElement;
  #feed!: Feed;
  #toasts!: Toasts;

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

  get strings(): Strings {
    return this.#strings;
  }
  /** Those left out stay English. */
  set strings(strings: Partial<Strings>) {
    this.#strings = { ...ENGLISH, ...strings };
    if (!this.#built) return;
    this.#build();
    this.#show();
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name);
    if (!this.#built) this.#build();
    // A framework may set properties right after it puts the element into the page.
    queueMicrotask(() => this.isConnected && this.#join());
  }

  disconnectedCallback(): void {
    this.#close(false);
    this.#leave();
  }

  attributeChangedCallback(): void {
    if (this.#inbox && !this.#own) return;
    this.#leave();
    queueMicrotask(() => this.isConnected && this.#join());
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#bell.setAttribute("aria-expanded", "true");
    this.#panel.hidden = false;
    // The top layer is above everything and cut off by nothing.
    this.#panel.showPopover?.();
    this.#place();
    this.#toasts.clear();
    this.#laidOut = 0;
    this.#show();
    this.#panel.focus({ preventScroll: true });
    this.#feed.focus();
    addEventListener("resize", this.#place);
    addEventListener("scroll", this.#place, { capture: true, passive: true });
    document.addEventListener("pointerdown", this.#outside);
    this.#clock = setInterval(() => this.#tick(), 30_000);
  }

  close(): void {
    this.#close(true);
  }

  #close(focus: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#bell.setAttribute("aria-expanded", "false");
    if (this.#panel.isConnected) this.#panel.hidePopover?.();
    this.#panel.hidden = true;
    removeEventListener("resize", this.#place);
    removeEventListener("scroll", this.#place, { capture: true });
    document.removeEventListener("pointerdown", this.#outside);
    clearInterval(this.#clock);
    if (focus) this.#bell.focus();
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
    clearTimeout(this.#away);
    this.#away = undefined;
  }

  #build(): void {
    this.#close(false);
    this.#built = true;
    this.#rows = "";
    this.#unread = -1;
    const t = this.#strings;
    const language = this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
    this.#format = {
      relative: new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" }),
      date: new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }),
    };
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
    }
    root.adoptedStyleSheets = [sheet];
    const tool = (name: string, path: string, onclick: () => void, look = ""): HTMLButtonElement =>
      h(
        "button",
        { type: "button", class: `tool ${look}`, "aria-label": name, title: name, onclick },
        drawing(path),
      );
    const choice = (text: string, unread: boolean): HTMLButtonElement =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(!unread),
          onclick: () => {
            this.#inbox?.setFilter(unread ? { unread: true } : {});
            this.#feed.toTop();
          },
        },
        text,
        unread && h("span", { class: "count", "aria-hidden": "true" }),
      );

    this.#badge = h("span", { class: "badge", part: "badge", hidden: true, "aria-hidden": "true" });
    this.#bell = h(
      "button",
      {
        type: "button",
        class: "bell",
        part: "bell",
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        "aria-label": t.bell(0, ""),
        onclick: () => (this.#open ? this.close() : this.open()),
        onanimationend: () => this.#bell.classList.remove("rings"),
      },
      drawing(BELL),
      this.#badge,
    );
    this.#live = h("div", { class: "spoken", role: "status" });
    this.#notice = h("div", { class: "notice", role: "status", hidden: true });
    this.#readAll = tool(t.readAll, CHECKS, () => {
      if (this.#readAll.getAttribute("aria-disabled") !== "true") this.#inbox?.readAll();
    });
    this.#filters = h(
      "div",
      { class: "filters", role: "group", "aria-label": t.filter },
      choice(t.all, false),
      choice(t.unread, true),
    );
    this.#feed = feed({
      label: t.title,
      row: (item, element) => this.#row(item, element),
      act: (what, item) => (what === "open" ? this.#follow(item) : this.#inbox?.dismiss(item.id)),
      more: () => this.#inbox?.loadMore(),
      scrolled: () => this.#scrolled(),
    });
    this.#empty = h("div", { class: "empty", hidden: true });
    this.#waits = h(
      "div",
      { class: "waits", hidden: true, role: "img", "aria-label": t.loading },
      ...Array.from({ length: 5 }, () => h("i")),
    );
    this.#newer = h("button", {
      type: "button",
      class: "newer",
      hidden: true,
      onclick: () => this.#feed.toTop(),
    });
    this.#middle = h("div", { class: "middle" }, this.#feed.element, this.#waits, this.#empty, this.#newer);
    const heading = h("h2", { id: "title" }, t.title);
    this.#panel = h(
      "div",
      {
        class: "panel",
        part: "panel",
        id: "panel",
        role: "dialog",
        "aria-labelledby": "title",
        tabindex: "-1",
        popover: "manual",
        hidden: true,
        onkeydown: (event: KeyboardEvent) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          this.close();
        },
        onfocusout: (event: FocusEvent) => {
          const to = event.relatedTarget as Node | null;
          if (to && !this.#panel.contains(to) && to !== this.#bell) this.#close(false);
        },
      },
      h(
        "header",
        {},
        heading,
        this.#readAll,
        tool(t.close, CROSS, () => this.close(), "grip"),
      ),
      this.#filters,
      this.#notice,
      this.#middle,
    );
    this.#bell.setAttribute("aria-controls", "panel");
    this.#toasts = toasts({
      label: t.toasts,
      one: (notification, close) =>
        this.#toast(
          notification.title,
          notification.body,
          this.#icon(notification),
          () => this.#follow(notification),
          close,
        ),
      many: (count, close, element) => {
        const text = t.arrived(count);
        const name = element?.querySelector(".name");
        if (element && name) name.textContent = text;
        return (
          element ?? this.#toast(text, "", { picture: drawing(BELL), hue: 243 }, () => this.open(), close)
        );
      },
    });
    root.replaceChildren(this.#bell, this.#panel, this.#toasts.element, this.#live);
  }

  #glyph({ picture, hue }: { picture: Element; hue: number }): HTMLElement {
    const glyph = h("span", { class: "glyph", "aria-hidden": "true" }, picture);
    glyph.style.setProperty("--_hue", String(hue));
    return glyph;
  }

  #toast(
    title: string,
    body: string,
    icon: { picture: Element; hue: number },
    onclick: () => void,
    close: () => void,
  ): HTMLElement {
    const { dismissToast } = this.#strings;
    const go = (): void => {
      close();
      onclick();
    };
    const shut = (event: Event): void => {
      event.stopPropagation();
      close();
    };
    return h(
      "div",
      { class: "toast", part: "toast", onclick: go },
      this.#glyph(icon),
      h(
        "div",
        { class: "words" },
        h("button", { type: "button", class: "name" }, title),
        body && h("p", { class: "body" }, body),
      ),
      h(
        "button",
        { type: "button", class: "shut", "aria-label": `${dismissToast}: ${title}`, onclick: shut },
        drawing(CROSS),
      ),
    );
  }

  #row(item: Item, old?: HTMLElement): HTMLElement {
    const t = this.#strings;
    const { id, title, body, created_at } = item;
    const made = old ?? h("article", { class: "row", part: "item", "data-id": id });
    made.classList.toggle("read", item.read);
    if (old) {
      // Of what is shown only this can change.
      old.querySelector(".state")?.replaceChildren(item.read ? "" : t.unreadMark);
      return old;
    }
    const href = destination(item.link);
    const name = href
      ? h("a", { class: "name", id: `t-${id}`, href }, title)
      : h("span", { class: "name", id: `t-${id}` }, title);
    const act = (label: string, path: string, look: string, does: () => void): HTMLElement => {
      const onclick = (event: Event): void => {
        event.stopPropagation();
        does();
      };
      return h(
        "button",
        { type: "button", class: look, "aria-label": label, title: label, onclick },
        drawing(path),
      );
    };
    made.setAttribute("aria-labelledby", `s-${id} t-${id}`);
    made.setAttribute("aria-describedby", `b-${id} w-${id}`);
    made.append(
      this.#glyph(this.#icon(item)),
      h(
        "div",
        { class: "words" },
        h(
          "div",
          { class: "line" },
          h("span", { class: "spoken state", id: `s-${id}` }, item.read ? "" : t.unreadMark),
          name,
          h("time", { id: `w-${id}`, datetime: created_at }, this.#when(created_at)),
        ),
        h("p", { class: "body", id: `b-${id}` }, body),
      ),
      h("span", { class: "dot", "aria-hidden": "true" }),
      h(
        "div",
        { class: "acts" },
        act(t.read(title), CHECK, "mark", () => {
          // The button goes with the mark; a focus on it must not.
          if (made.matches(":focus-within")) made.focus();
          this.#inbox?.read(id);
        }),
        act(t.dismiss(title), CROSS, "", () => this.#feed.dismiss(item)),
      ),
    );
    made.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#follow(item);
    });
    return made;
  }

  #follow(notification: Notification): void {
    this.#inbox?.read(notification.id);
    const told = new CustomEvent("bellhop-open", {
      detail: notification,
      bubbles: true,
      composed: true,
      cancelable: true,
    });
    const href = destination(notification.link);
    if (this.dispatchEvent(told) && href) location.assign(href);
  }

  #show(): void {
    const snapshot = this.#inbox?.getSnapshot();
    if (!snapshot || !this.#built) return;
    const t = this.#strings;
    const { unread, state } = snapshot;
    if (unread !== this.#unread) {
      this.#unread = unread;
      this.#badge.textContent = short(unread);
      this.#badge.classList.toggle("wide", unread > 99);
      this.#badge.hidden = !unread;
      this.#bell.setAttribute("aria-label", t.bell(unread, short(unread)));
      this.dispatchEvent(
        new CustomEvent("bellhop-unread", { detail: unread, bubbles: true, composed: true }),
      );
    }
    if (state === "ready" || state === "online") {
      clearTimeout(this.#away);
      this.#away = undefined;
      this.#notice.hidden = true;
    } else if (state === "stopped") this.#say(t.stopped[snapshot.reason ?? ""] ?? t.stopped.other, true);
    else this.#away ??= setTimeout(() => this.#say(t.connecting, false), AWAY_MS);
    if (!this.#open || this.#layout) return;
    const wait = this.#laidOut + LAYOUT_MS - performance.now();
    if (wait > 0) {
      this.#layout = setTimeout(() => {
        this.#layout = undefined;
        this.#show();
      }, wait);
      return;
    }
    this.#lay(snapshot);
    this.#laidOut = performance.now();
  }

  /** Lays the panel out. */
  #lay(snapshot: Snapshot): void {
    const t = this.#strings;
    const { unread, items, state } = snapshot;
    const only = !!snapshot.filter.unread;
    const [all, some] = this.#filters.children as unknown as [HTMLElement, HTMLElement];
    all.setAttribute("aria-pressed", String(!only));
    some.setAttribute("aria-pressed", String(only));
    (some.lastElementChild as HTMLElement).textContent = unread ? short(unread) : "";
    this.#readAll.setAttribute("aria-disabled", String(!unread));
    const rows = String(Math.min(FULL, items.length || EMPTY));
    if (this.#rows !== rows) {
      this.#rows = rows;
      this.#panel.style.setProperty("--_rows", rows);
    }
    const held = this.#feed.element.matches(":focus-within");
    if (items.length) this.#feed.element.hidden = false;
    this.#feed.show(items, snapshot);
    this.#feed.element.hidden = !items.length;
    if (held && !items.length) this.#panel.focus();
    this.#waits.hidden = items.length > 0 || !snapshot.loading || state === "stopped";
    this.#empty.hidden = items.length > 0 || !this.#waits.hidden;
    if (!this.#empty.hidden)
      this.#empty.replaceChildren(
        h("i", {}, drawing(only ? CHECK : BELL)),
        h("b", {}, only ? t.nothingUnreadTitle : t.emptyTitle),
        h("p", {}, only ? t.nothingUnreadText : t.emptyText),
      );
    this.#scrolled();
  }

  #say(text: string, stopped: boolean): void {
    this.#notice.hidden = false;
    this.#notice.classList.toggle("stopped", stopped);
    this.#notice.replaceChildren(
      h("span", {}, text),
      ...(stopped
        ? [h("button", { type: "button", onclick: () => this.#inbox?.reconnect() }, this.#strings.reconnect)]
        : []),
    );
  }

  #scrolled(): void {
    const { above } = this.#feed;
    this.#newer.hidden = !above;
    if (above) this.#newer.textContent = `↑ ${this.#strings.newer(above)}`;
    this.#seeing ??= setTimeout(() => {
      this.#seeing = undefined;
      if (this.#open && document.visibilityState === "visible") this.#inbox?.seen(...this.#feed.visible());
    }, SEEN_MS);
  }

  #arrived(arrived: readonly Notification[]): void {
    if (document.visibilityState !== "visible") return;
    this.#bell.classList.add("rings");
    if (!this.#open && this.getAttribute("toasts") !== "off") this.#toasts.show(arrived);
    this.#toSpeak.push(...arrived);
    if (this.#spoken) return;
    // Spoken once a second at most: a burst is one sentence, not a thousand.
    this.#spoken = window.setTimeout(() => {
      const [first, ...more] = this.#toSpeak;
      this.#toSpeak = [];
      this.#spoken = 0;
      const { arrived: many } = this.#strings;
      if (first) this.#live.textContent = more.length ? many(more.length + 1) : `${many(1)}: ${first.title}`;
    }, SPEAK_MS);
  }

  #when(created_at: string): string {
    const seconds = (Date.parse(created_at) - Date.now()) / 1_000;
    const unit = UNITS.find(([, , below]) => -seconds < below);
    if (!unit) return this.#format.date.format(new Date(created_at));
    const [name, each] = unit;
    return this.#format.relative.format(each ? Math.min(0, Math.round(seconds / each)) : 0, name);
  }

  #tick(): void {
    for (const time of this.#middle.querySelectorAll("time")) time.textContent = this.#when(time.dateTime);
  }

  readonly #outside = (event: Event): void => {
    if (!event.composedPath().includes(this)) this.#close(false);
  };

  readonly #place = (): void => {
    if (matchMedia(PHONE).matches) return;
    const bell = this.#bell.getBoundingClientRect();
    const { style, offsetWidth: width } = this.#panel;
    const { clientWidth, clientHeight } = document.documentElement;
    const rtl = getComputedStyle(this).direction === "rtl";
    const left = rtl ? bell.left : bell.right - width;
    style.setProperty("--_left", `${Math.max(GAP_PX, Math.min(left, clientWidth - width - GAP_PX))}px`);
    const top = bell.bottom + GAP_PX;
    const below = clientHeight - top - GAP_PX;
    const upward = below < 320 && bell.top > below;
    style.setProperty("--_room", `${Math.max(200, upward ? bell.top - 2 * GAP_PX : below)}px`);
    // Held at the edge next to the bell: the panel grows and shrinks away from it.
    style.setProperty("--_top", upward ? "auto" : `${top}px`);
    style.setProperty("--_bottom", upward ? `${clientHeight - bell.top + GAP_PX}px` : "auto");
    style.setProperty("--_origin", `${rtl ? 0 : 100}% ${upward ? 100 : 0}%`);
  };
}

if (globalThis.customElements && !customElements.get("bellhop-inbox"))
  customElements.define("bellhop-inbox", BellhopInbox);

declare global {
  interface HTMLElementTagNameMap {
    "bellhop-inbox": BellhopInbox;
  }
}
