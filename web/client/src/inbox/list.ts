/**
 * A feed of any length of which only the rows in sight exist.
 *
 * Rows have one height, but for a label above some of them, and for one at a time, which may be open and as high as its
 * text: so where each begins is known without making it. The row that has the focus stays, in sight or not: it could not
 * have the focus otherwise.
 */

import type { Item } from "../protocol.ts";
import { h } from "./elements.ts";

const AHEAD = 6;
/** How near to the end more is asked for, in rows. */
const NEAR = 12;

/** What takes a row out of the list. */
export type Removal = "dismiss" | "archive";

interface Row {
  element: HTMLElement;
  /** What it shows; undefined while that is to be made anew. */
  item: Item | undefined;
  /** Where it stands, and of how many: what is as it was is not written again. */
  place: string;
}

export interface Feed {
  readonly element: HTMLElement;
  show(items: readonly Item[], more: { hasMore: boolean; loading: boolean }): void;
  /** The ids of the rows that are in sight. */
  visible(): string[];
  /** Of all rows, none of them open, in pixels. */
  readonly height: number;
  /** Whether the focus is in it. */
  readonly held: boolean;
  /** How many have come in above what is in sight. */
  readonly above: number;
  toTop(): void;
  focus(): void;
  /** Does what takes one out of the list. A focus that was in its row goes to the next. */
  remove(item: Item, how: Removal): void;
  /** Makes all rows anew, in place: there is more to be had of each. */
  renew(): void;
  /** Opens the row of one, or closes it. */
  expand(item: Item): void;
}

export const feed = (options: {
  label: string;
  /** Makes the row's element, or brings `element` up to date. */
  row: (item: Item, element?: HTMLElement) => HTMLElement;
  /** Sees whether a row's text is cut off. */
  judge: (row: HTMLElement) => void;
  /** Shows all of a row's text, or no more of it than the others. */
  open: (row: HTMLElement, isOpen: boolean) => void;
  act: (what: "open" | Removal, item: Item) => void;
  /** What stands above a row; nothing for an empty text. */
  heading: (item: Item, before: Item | undefined) => string;
  more: () => void;
  scrolled: () => void;
}): Feed => {
  const rows = new Map<string, Row>();
  const length = h("div", { class: "length" });
  const element = h(
    "div",
    { class: "list", role: "feed", "aria-label": options.label, "aria-busy": "false", part: "list" },
    length,
  );
  let items: readonly Item[] = [];
  let hasMore = false;
  let loading = false;
  let active = "";
  let above = 0;
  /** Of a row, and of a label. */
  let height = 0;
  let tag = 0;
  let width = 0;
  /** The row that is open, and how much higher than the others it is. */
  let opened = "";
  let extra = 0;
  /** What stands above each row, where each begins, and where the last one ends. */
  let labels: string[] = [];
  let tops = [0];

  const heightOf = (look = "row"): number => {
    const probe = h("div", { class: look });
    length.append(probe);
    const { offsetHeight } = probe;
    probe.remove();
    return offsetHeight;
  };

  const measure = (): void => {
    if (!height) {
      height = heightOf();
      tag = heightOf("row dated") - height;
    }
    labels = items.map((item, at) => options.heading(item, items[at - 1]));
    let y = 0;
    tops = [0];
    items.forEach(({ id }, at) => {
      y += (height || 84) + (labels[at] ? tag : 0) + (id === opened ? extra : 0);
      tops.push(y);
    });
  };
  const topOf = (at: number): number => tops[at] as number;

  /** The row that is at a height. */
  const rowAt = (y: number): number => {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const at = (low + high + 1) >> 1;
      if (topOf(at) <= y) low = at;
      else high = at - 1;
    }
    return low;
  };

  const within = (): [number, number] => [
    rowAt(element.scrollTop),
    Math.min(items.length, rowAt(element.scrollTop + element.clientHeight - 1) + 1),
  ];

  const focused = (within: Element = length): boolean =>
    within.contains((element.getRootNode() as ShadowRoot).activeElement);

  /** `pinned`: the active row is wanted wherever it is. An element that has the focus is never moved, or it lost it. */
  const paint = (pinned = focused()): void => {
    const [first, last] = within();
    const from = Math.max(0, first - AHEAD);
    const to = Math.min(items.length, last + AHEAD);
    const wanted = new Map<string, number>();
    for (let at = from; at < to; at++) wanted.set((items[at] as Item).id, at);
    if (pinned) {
      const at = items.findIndex((item) => item.id === active);
      if (at >= 0) wanted.set(active, at);
    }
    const order = [...wanted].sort((a, b) => a[1] - b[1]);
    if (!wanted.has(active)) active = items[first]?.id ?? "";
    for (const [id, row] of rows)
      if (!wanted.has(id)) {
        row.element.remove();
        rows.delete(id);
      }
    length.style.height = `${topOf(items.length)}px`;
    const fresh: HTMLElement[] = [];
    const size = hasMore ? -1 : items.length;
    let place = length.firstElementChild;
    for (const [id, at] of order) {
      const item = items[at] as Item;
      const row = rows.get(id);
      const own = row?.item === item ? row.element : options.row(item, row?.element);
      const top = topOf(at);
      const label = labels[at] as string;
      const now = `${at} ${size} ${top} ${id === active} ${label}`;
      if (own === place) place = place.nextElementSibling;
      else length.insertBefore(own, place);
      if (row?.place !== now) {
        own.style.transform = `translateY(${top}px)`;
        own.classList.toggle("dated", !!label);
        own.classList.toggle("looked", label.startsWith("↑"));
        (own.querySelector(".day") as HTMLElement).textContent = label;
        own.setAttribute("aria-posinset", String(at + 1));
        own.setAttribute("aria-setsize", String(size));
        own.tabIndex = id === active ? 0 : -1;
        for (const inner of own.querySelectorAll<HTMLElement>("a, button, select"))
          inner.tabIndex = own.tabIndex;
      }
      rows.set(id, { element: own, item, place: now });
      if (row) continue;
      if (id === opened) options.open(own, true);
      fresh.push(own);
    }
    for (const made of fresh) options.judge(made);
    if (hasMore && !loading && last > items.length - NEAR) options.more();
  };

  const go = (to: number): void => {
    const at = Math.max(0, Math.min(items.length - 1, to));
    const item = items[at];
    if (!item) return;
    active = item.id;
    const top = topOf(at);
    const bottom = topOf(at + 1);
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight)
      element.scrollTop = Math.min(top, bottom - element.clientHeight);
    paint(true);
    rows.get(active)?.element.focus({ preventScroll: true });
  };

  const shut = (): void => {
    const row = rows.get(opened);
    opened = "";
    extra = 0;
    measure();
    if (row) options.open(row.element, false);
  };

  const expand = ({ id }: Item): void => {
    const row = rows.get(id);
    const again = opened === id;
    shut();
    if (row && !again) {
      options.open(row.element, true);
      opened = id;
      const at = items.findIndex((item) => item.id === id);
      extra = row.element.offsetHeight - (topOf(at + 1) - topOf(at));
      measure();
    }
    paint();
  };

  const remove = ({ id }: Item, how: Removal): void => {
    const at = items.findIndex((item) => item.id === id);
    const next = items[at + 1] ?? items[at - 1];
    const row = rows.get(id);
    const held = row && focused(row.element);
    if (id === opened) shut();
    options.act(how, items[at] as Item);
    if (next && held) go(items.indexOf(next));
  };

  element.addEventListener("scroll", () => {
    if (element.scrollTop < height) above = 0;
    paint();
    options.scrolled();
  });
  element.addEventListener("focusin", (event) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".row");
    if (row?.dataset.id) active = row.dataset.id;
    paint();
  });
  element.addEventListener("keydown", (event) => {
    const at = items.findIndex((item) => item.id === active);
    const item = items[at];
    const page = Math.max(1, Math.floor(element.clientHeight / height) - 1);
    const onRow = (event.target as HTMLElement).classList.contains("row");
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    if (step) go(at + step);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(items.length - 1);
    else if (item && onRow && (event.key === "Enter" || event.key === " ")) options.act("open", item);
    else if (item && onRow && /^Arrow(Left|Right)$/.test(event.key)) {
      if (rows.get(active)?.element.matches(".long, .open")) expand(item);
    } else if (item && (event.key === "Delete" || event.key === "Backspace")) remove(item, "dismiss");
    else if (item && onRow && event.key === "e") remove(item, "archive");
    else return;
    event.preventDefault();
  });
  new ResizeObserver(() => {
    height = 0;
    const { clientWidth } = element;
    // In another width other texts are cut off. A list that only grows leaves what is being read as it is.
    if (clientWidth !== width) {
      shut();
      for (const row of rows.values()) options.judge(row.element);
    }
    width = clientWidth;
    measure();
    paint();
  }).observe(element);

  return {
    element,
    remove,
    expand,
    renew() {
      for (const [id, row] of rows) rows.set(id, { ...row, item: undefined, place: "" });
      paint();
    },
    get height() {
      return topOf(items.length) - extra;
    },
    get held() {
      return focused(element);
    },
    get above() {
      return above;
    },
    show(now, more) {
      ({ hasMore, loading } = more);
      element.setAttribute("aria-busy", String(loading));
      if (now !== items) {
        const top = items[0];
        const came = top ? now.findIndex((item) => item.id === top.id) : 0;
        items = now;
        measure();
        // Whoever reads further down keeps the place.
        if (came > 0 && element.scrollTop > 0) {
          above += came;
          length.style.height = `${topOf(items.length)}px`;
          element.scrollTop += topOf(came);
        }
      }
      paint();
    },
    visible: () => {
      const [first, last] = within();
      return items.slice(first, last).map((item) => item.id);
    },
    toTop() {
      above = 0;
      element.scrollTop = 0;
      go(0);
    },
    focus() {
      if (items.length)
        go(
          Math.max(
            0,
            items.findIndex((item) => item.id === active),
          ),
        );
    },
  };
};
