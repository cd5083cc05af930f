/** The panel that opens at the bell: the list, its filter, and what is shown when there is no list. */

import type { Inbox, Snapshot } from "../index.ts";
import type { Item, Notification as News } from "../protocol.ts";
import { ageIn } from "./age.ts";
import { box } from "./box.ts";
import type { Category } from "./catalog.ts";
import type { Deeds } from "./deeds.ts";
import { drawing, h } from "./elements.ts";
import { fetched } from "./fetched.ts";
import { BELL, CHECK, CROSS, type Icon } from "./icons.ts";
import type { Kinds } from "./kinds.ts";
import { feed } from "./list.ts";
import { wear } from "./look.ts";
import { sheet } from "./panelstyle.ts";
import { readAll } from "./readall.ts";
import { judge, open as openRow, row } from "./row.ts";
import { type Strings, short } from "./strings.ts";

const LENS = "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.5L20 20";
const SLIDERS =
  "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-7 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z";

/** How long a row is in sight before it counts as seen. */
const SEEN_MS = 600;
/** In a burst the list is laid out this often; nobody reads faster. A change after a quiet time shows at once. */
const LAYOUT_MS = 100;
const AGES_MS = 30_000;
const PLACES = ["unread", "archived", "snoozed"] as const;
type Place = (typeof PLACES)[number];

export interface Panel {
  isOpen(): boolean;
  /** Opens it on what the inbox holds, with the focus in the list. */
  open(): void;
  close(options: { focus: boolean }): void;
  /** Lays it out anew, soon; when it is closed, not at all. */
  show(): void;
}

/** What of the page and of the element the panel has to do with. */
export interface PanelOptions {
  bell: HTMLElement;
  notice: HTMLElement;
  strings: Strings;
  language: string;
  icon: Icon;
  /** The names of categories by their keys, where the page knows them. */
  categories: () => Readonly<Record<string, string>> | undefined;
  /** What the gateway's catalog says of them, in their order. */
  told: () => readonly Category[] | undefined;
  inbox: () => Inbox | undefined;
  follow: (news: News) => void;
  /** Where the person says what is to be told; null where the page has no such place. */
  preferences: () => string | null;
  /** Told of a click that leads there. */
  leave: (event: Event) => void;
  /** Whether the browser may be asked to tell of news itself. */
  wantsDesktop: () => boolean;
}

export const panel = (options: PanelOptions): Panel => {
  const { bell, notice, strings: t, icon, inbox, follow } = options;
  const age = ageIn(options.language);
  let high = "";
  let laidOut = 0;
  let layout: ReturnType<typeof setTimeout> | undefined;
  let seeing: ReturnType<typeof setTimeout> | undefined;
  let ages: ReturnType<typeof setInterval> | undefined;

  /** The first of those that had been seen when the panel opened. */
  let looked: string | undefined;

  const heading = (item: Item, before: Item | undefined): string => {
    const day = (n: Item): string => age.day(n.snoozed_until ?? n.returned_at ?? n.created_at);
    const isFirst = !before || day(before) !== day(item);
    if (item.id !== looked) return isFirst ? day(item) : "";
    return isFirst ? `↑ ${t.looked} · ${day(item)}` : `↑ ${t.looked}`;
  };

  const tool = (name: string, path: string, onclick: () => void, look = ""): HTMLButtonElement =>
    h(
      "button",
      { type: "button", class: `tool ${look}`, "aria-label": name, title: name, onclick },
      drawing(path),
    );
  /** Shows another choice of the notifications; what is undefined is no matter of the filter any more. */
  const choose = (wish: {
    unread?: true | undefined;
    archived?: true | undefined;
    snoozed?: true | undefined;
    category?: readonly string[] | undefined;
  }): void => {
    done?.settle();
    const wanted = Object.entries({ ...inbox()?.getSnapshot().filter, ...wish });
    inbox()?.setFilter(Object.fromEntries(wanted.filter(([, value]) => value)));
    list.toTop();
  };
  const choice = (text: string, place?: Place, count?: HTMLElement): HTMLButtonElement => {
    const onclick = (): void => {
      choose({ unread: undefined, archived: undefined, snoozed: undefined, ...(place && { [place]: true }) });
    };
    return h("button", { type: "button", "aria-pressed": String(!place), onclick }, text, count);
  };

  const list = feed({
    label: t.title,
    row(item, old) {
      const made = row(item, old, {
        strings: t,
        icon,
        age,
        acts: { follow, expand: (item) => list.expand(item) },
      });
      done?.equip(made, item);
      return made;
    },
    judge,
    open: (made, isOpen) => openRow(made, isOpen, t),
    act: (what, item) => (what === "open" ? follow(item) : soon((deeds) => deeds[what](item))),
    heading,
    more: () => inbox()?.loadMore(),
    scrolled: () => scrolled(),
  });
  let doing: Promise<Deeds> | undefined;
  let done: Deeds | undefined;
  /** What is pressed before there is who does it is done when there is. */
  const soon = (does: (deeds: Deeds) => void): void => {
    if (done) does(done);
    else doing?.then(does);
  };
  const prepare = (): void => {
    doing ??= fetched(() => import("./deeds.ts")).then((file) => {
      done = file.deeds({
        strings: t,
        age,
        place: middle,
        above: filters,
        lens,
        inbox,
        show,
        follow,
        remove: list.remove,
      });
      list.renew();
      return done;
    });
  };
  const all = readAll(t, inbox);
  const count = h("span", { class: "count", "aria-hidden": "true" });
  const places = {
    "": choice(t.all),
    unread: choice(t.unread, "unread", count),
    snoozed: choice(t.snoozed, "snoozed"),
    archived: choice(t.archived, "archived"),
  };
  const lens = tool(t.search, LENS, () => soon((deeds) => deeds.seek()));
  let tabs: Kinds | undefined;
  let fetches = false;
  /** The tabs by category are fetched when there is a category to have one. */
  const showTabs = async (items: readonly Item[], chosen: string | undefined): Promise<void> => {
    if (tabs) tabs.show(items, chosen);
    if (fetches || !(options.categories() || items.some(({ category }) => category))) return;
    fetches = true;
    const { kinds } = await fetched(() => import("./kinds.ts"));
    tabs = kinds({
      strings: t,
      names: options.categories,
      told: options.told,
      choose: (category) => choose({ category }),
    });
    notice.before(tabs.element);
    tabs.dress();
    show();
  };
  const empty = h("div", { class: "empty", hidden: true });
  const waits = h(
    "div",
    { class: "waits", hidden: true, role: "img", "aria-label": t.loading },
    ...[...Array(5)].map(() => h("i")),
  );
  const newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => list.toTop() });
  const settings = h(
    "a",
    { class: "tool", "aria-label": t.preferences, title: t.preferences, onclick: options.leave },
    drawing(SLIDERS),
  );
  /** The browser asks whoever presses this, and nobody else. */
  const desktop = h(
    "button",
    {
      type: "button",
      class: "desktop",
      onclick: () =>
        Notification.requestPermission().then(() => {
          desktop.hidden = !options.wantsDesktop();
          element.focus();
        }),
    },
    t.desktop,
  );
  const filters = h(
    "div",
    { class: "filters", role: "group", "aria-label": t.filter },
    ...Object.values(places),
  );
  const middle = h("div", { class: "middle" }, list.element, waits, empty, newer);
  const [element, isOpen, pop, close] = box(
    bell,
    () => {
      done?.settle();
      clearInterval(ages);
      clearTimeout(layout);
      layout = undefined;
    },
    h(
      "header",
      {},
      h("h2", { id: "title" }, t.title),
      all,
      lens,
      settings,
      tool(t.close, CROSS, () => close({ focus: true }), "grip"),
    ),
    filters,
    notice,
    desktop,
    middle,
  );
  wear(element, sheet);

  const scrolled = (): void => {
    const { above } = list;
    newer.hidden = !above;
    if (above) newer.textContent = `↑ ${t.newer(above)}`;
    if (seeing !== undefined) return;
    seeing = setTimeout(() => {
      seeing = undefined;
      if (isOpen() && document.visibilityState === "visible") inbox()?.seen(...list.visible());
    }, SEEN_MS);
  };

  const lay = ({ unread, items: loaded, state, filter, loading, hasMore: goesOn }: Snapshot): void => {
    const sought = done?.sought;
    const items = done?.shown(loaded) ?? loaded;
    // What is sought is sought in what is there.
    const hasMore = goesOn && !sought;
    const at = PLACES.find((place) => filter[place]) ?? "";
    for (const [place, button] of Object.entries(places))
      button.setAttribute("aria-pressed", String(place === at));
    showTabs(loaded, filter.category?.[0]);
    count.textContent = unread ? short(unread) : "";
    all.setAttribute("aria-disabled", String(!unread));
    const { held } = list;
    const { hidden } = list.element;
    if (items.length) list.element.hidden = false;
    list.show(items, { hasMore, loading });
    // It was opened before there was anything to have the focus.
    if (hidden && items.length && element.matches(":focus")) list.focus();
    const wanted = items.length ? `${list.height}px` : "";
    if (high !== wanted) element.style.setProperty("--_high", wanted);
    high = wanted;
    list.element.hidden = !items.length;
    if (held && !items.length) element.focus();
    waits.hidden = items.length > 0 || !loading || state === "stopped";
    empty.hidden = items.length > 0 || !waits.hidden;
    if (!empty.hidden)
      empty.replaceChildren(
        h("i", {}, drawing(sought ? LENS : at === "unread" ? CHECK : BELL)),
        ...(sought
          ? [h("b", {}, t.nothingFound)]
          : {
              "": [h("b", {}, t.emptyTitle), h("p", {}, t.emptyText)],
              unread: [h("b", {}, t.nothingUnreadTitle), h("p", {}, t.nothingUnreadText)],
              archived: [h("b", {}, t.emptyArchive)],
              snoozed: [h("b", {}, t.emptySnoozed)],
            }[at]),
      );
    scrolled();
  };
  const show = (): void => {
    const snapshot = inbox()?.getSnapshot();
    if (!snapshot || !isOpen() || layout) return;
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
    if (isOpen()) return;
    const items = inbox()?.getSnapshot().items ?? [];
    looked = items[0]?.seen === false ? items.find(({ seen }) => seen)?.id : undefined;
    const url = options.preferences();
    settings.hidden = url === null;
    settings.href = url ?? "";
    desktop.hidden = !options.wantsDesktop();
    pop();
    laidOut = 0;
    show();
    list.focus();
    prepare();
    ages = setInterval(() => {
      for (const time of element.querySelectorAll<HTMLTimeElement>(".row:not(.snoozed) time"))
        time.textContent = age(time.dateTime);
    }, AGES_MS);
  };

  return {
    isOpen,
    open,
    close,
    show,
  };
};
