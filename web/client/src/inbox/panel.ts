/**
 * The panel that opens at the bell: a dialog with the list, its filter, and what is shown when there is no list.
 *
 * It stays open while the focus or the pointer is in it, and gives the focus back to the bell.
 */

import type { Inbox, Snapshot } from "../index.ts";
import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { short } from "./bell.ts";
import type { Category } from "./catalog.ts";
import { drawing, h } from "./elements.ts";
import { BELL, CHECK, CROSS, type Icon, SLIDERS } from "./icons.ts";
import { kinds } from "./kinds.ts";
import { feed } from "./list.ts";
import { beside } from "./place.ts";
import { judge, open as openRow, row } from "./row.ts";
import type { Strings } from "./strings.ts";

/** How long a row is in sight before it counts as seen. */
const SEEN_MS = 600;
/** In a burst the list is laid out this often; nobody reads faster. A change after a quiet time shows at once. */
const LAYOUT_MS = 100;
const AGES_MS = 30_000;
/** How long it is asked whether all are meant. */
const SURE_MS = 5_000;
/** Rows that make the panel as high as it gets. */
const FULL = 12;
/** And those that an empty one takes the height of. */
const EMPTY = 4;

export interface Panel {
  readonly element: HTMLElement;
  readonly isOpen: boolean;
  /** Opens it on what the inbox holds, with the focus in the list. */
  open(): void;
  close(options: { focus: boolean }): void;
  /** Lays it out anew, soon; when it is closed, not at all. */
  show(): void;
}

export function panel(options: {
  bell: HTMLElement;
  notice: HTMLElement;
  strings: Strings;
  age: Age;
  icon: Icon;
  /** The names of categories by their keys, where the page knows them. */
  categories: () => Readonly<Record<string, string>> | undefined;
  /** What the gateway's catalog says of them, in their order. */
  told: () => readonly Category[] | undefined;
  inbox: () => Inbox | undefined;
  follow: (item: Item) => void;
  /** Where the person says what is to be told; null where the page has no such place. */
  preferences: () => string | null;
  /** Told of a click that leads there. */
  leave: (event: Event) => void;
}): Panel {
  const { bell, notice, strings: t, age, icon, inbox, follow } = options;
  let isOpen = false;
  let rows = "";
  let laidOut = 0;
  let layout: ReturnType<typeof setTimeout> | undefined;
  let seeing: ReturnType<typeof setTimeout> | undefined;
  let ages: ReturnType<typeof setInterval> | undefined;

  const tool = (name: string, path: string, onclick: () => void, look = ""): HTMLButtonElement =>
    h(
      "button",
      { type: "button", class: `tool ${look}`, "aria-label": name, title: name, onclick },
      drawing(path),
    );
  /** Shows another choice of the notifications; what is undefined is no matter of the filter any more. */
  const choose = (wish: { unread?: true | undefined; category?: readonly string[] | undefined }): void => {
    const wanted = Object.entries({ ...inbox()?.getSnapshot().filter, ...wish });
    inbox()?.setFilter(Object.fromEntries(wanted.filter(([, value]) => value)));
    list.toTop();
  };
  const choice = (text: string, unread: true | undefined, count?: HTMLElement): HTMLButtonElement =>
    h(
      "button",
      { type: "button", "aria-pressed": String(!unread), onclick: () => choose({ unread }) },
      text,
      count,
    );

  const list = feed({
    label: t.title,
    row: (item, old) => row(item, old, { strings: t, icon, age, acts }),
    judge,
    open: (made, isOpen) => openRow(made, isOpen, t),
    act: (what, item) => (what === "open" ? follow(item) : inbox()?.dismiss(item.id)),
    more: () => inbox()?.loadMore(),
    scrolled: () => scrolled(),
  });
  const acts = {
    follow,
    read: ({ id }: Item): void => inbox()?.read(id),
    dismiss: (item: Item): void => list.dismiss(item),
    expand: (item: Item): void => list.expand(item),
  };
  let sure: ReturnType<typeof setTimeout> | undefined;
  const unsure = (): void => {
    clearTimeout(sure);
    sure = undefined;
    readAll.textContent = t.readAll;
    readAll.classList.remove("sure");
  };
  /** It cannot be taken back: of more than one it is pressed twice, and not by a double click. */
  const readAll = h(
    "button",
    {
      type: "button",
      class: "all",
      onblur: unsure,
      onclick({ detail }: MouseEvent): void {
        const unread = inbox()?.getSnapshot().unread;
        if (!unread || detail > 1) return;
        const asked = sure;
        unsure();
        if (unread === 1 || asked) inbox()?.readAll();
        else {
          readAll.textContent = t.readAllSure(unread);
          readAll.classList.add("sure");
          sure = setTimeout(unsure, SURE_MS);
        }
      },
    },
    t.readAll,
  );
  const count = h("span", { class: "count", "aria-hidden": "true" });
  const all = choice(t.all, undefined);
  const unreadOnly = choice(t.unread, true, count);
  const tabs = kinds({
    strings: t,
    names: options.categories,
    told: options.told,
    choose: (category) => choose({ category }),
  });
  const empty = h("div", { class: "empty", hidden: true });
  const waits = h(
    "div",
    { class: "waits", hidden: true, role: "img", "aria-label": t.loading },
    ...Array.from({ length: 5 }, () => h("i")),
  );
  const newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => list.toTop() });
  const settings = h(
    "a",
    { class: "tool", "aria-label": t.preferences, title: t.preferences, onclick: options.leave },
    drawing(SLIDERS),
  );
  const element = h(
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
        close({ focus: true });
      },
      onfocusout: (event: FocusEvent) => {
        const to = event.relatedTarget as Node | null;
        if (to && !element.contains(to) && to !== bell) close({ focus: false });
      },
    },
    h(
      "header",
      {},
      h("h2", { id: "title" }, t.title),
      readAll,
      settings,
      tool(t.close, CROSS, () => close({ focus: true }), "grip"),
    ),
    h("div", { class: "filters", role: "group", "aria-label": t.filter }, all, unreadOnly),
    tabs.element,
    notice,
    h("div", { class: "middle" }, list.element, waits, empty, newer),
  );

  const place = (): void => beside(bell, element);
  const outside = (event: Event): void => {
    if (!event.composedPath().includes((element.getRootNode() as ShadowRoot).host)) close({ focus: false });
  };
  const scrolled = (): void => {
    const { above } = list;
    newer.hidden = !above;
    if (above) newer.textContent = `↑ ${t.newer(above)}`;
    if (seeing !== undefined) return;
    seeing = setTimeout(() => {
      seeing = undefined;
      if (isOpen && document.visibilityState === "visible") inbox()?.seen(...list.visible());
    }, SEEN_MS);
  };

  const lay = ({ unread, items, state, filter, loading, hasMore }: Snapshot): void => {
    const only = !!filter.unread;
    all.setAttribute("aria-pressed", String(!only));
    unreadOnly.setAttribute("aria-pressed", String(only));
    tabs.show(items, filter.category?.[0]);
    count.textContent = unread ? short(unread) : "";
    readAll.setAttribute("aria-disabled", String(!unread));
    const wanted = String(Math.min(FULL, items.length || EMPTY));
    if (rows !== wanted) {
      rows = wanted;
      element.style.setProperty("--_rows", rows);
    }
    const held = list.element.matches(":focus-within");
    if (items.length) list.element.hidden = false;
    list.show(items, { hasMore, loading });
    list.element.hidden = !items.length;
    if (held && !items.length) element.focus();
    waits.hidden = items.length > 0 || !loading || state === "stopped";
    empty.hidden = items.length > 0 || !waits.hidden;
    if (!empty.hidden)
      empty.replaceChildren(
        h("i", {}, drawing(only ? CHECK : BELL)),
        h("b", {}, only ? t.nothingUnreadTitle : t.emptyTitle),
        h("p", {}, only ? t.nothingUnreadText : t.emptyText),
      );
    scrolled();
  };
  const show = (): void => {
    const snapshot = inbox()?.getSnapshot();
    if (!snapshot || !isOpen || layout) return;
    const wait = laidOut + LAYOUT_MS - performance.now();
    if (wait > 0) {
      layout = setTimeout(() => {
        layout = undefined;
        show();
      }, wait);
      return;
    }
    lay(snapshot);
    laidOut = performance.now();
  };

  const open = (): void => {
    if (isOpen) return;
    isOpen = true;
    const url = options.preferences();
    settings.hidden = url === null;
    settings.href = url ?? "";
    bell.setAttribute("aria-expanded", "true");
    element.hidden = false;
    // The top layer is above everything and cut off by nothing.
    element.showPopover?.();
    place();
    laidOut = 0;
    show();
    element.focus({ preventScroll: true });
    list.focus();
    addEventListener("resize", place);
    addEventListener("scroll", place, { capture: true, passive: true });
    document.addEventListener("pointerdown", outside);
    ages = setInterval(() => {
      for (const time of element.querySelectorAll("time")) time.textContent = age(time.dateTime);
    }, AGES_MS);
  };
  const close = ({ focus }: { focus: boolean }): void => {
    if (!isOpen) return;
    isOpen = false;
    bell.setAttribute("aria-expanded", "false");
    if (element.isConnected) element.hidePopover?.();
    element.hidden = true;
    removeEventListener("resize", place);
    removeEventListener("scroll", place, { capture: true });
    document.removeEventListener("pointerdown", outside);
    clearInterval(ages);
    clearTimeout(layout);
    layout = undefined;
    if (focus) bell.focus();
  };

  return {
    element,
    get isOpen() {
      return isOpen;
    },
    open,
    close,
    show,
  };
}
