/** What one can do with a notification of the list, and the buttons for it in its row. */

import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { destination, drawing, h } from "./elements.ts";
import { CHECK, CROSS } from "./icons.ts";
import type { Strings } from "./strings.ts";

export interface Acts {
  /** Marks it as read, or as unread where it is read. */
  read(item: Item): void;
  dismiss(item: Item): void;
  archive(item: Item): void;
  /** Puts it off by a choice of the words for "later"; undefined brings back what was. */
  snooze(item: Item, choice?: number): void;
  press(item: Item, action: string, link: string | undefined): void;
}

const DOT = "M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z";
const DOTS = "M5 12h.01M12 12h.01M19 12h.01";
const CLOCK = "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z";
const BOX = "M4 9h16v10H4V9Zm-1-5h18v5H3V4Zm7 9h4";

const TOUCH = globalThis.matchMedia?.("(hover: none)") ?? { matches: false };

/** The item that each row shows now: what can change of it changes in place. */
const shown = new WeakMap<HTMLElement, Item>();

/** Gives a row its buttons, or brings those it has up to date. */
export function equip(
  made: HTMLElement,
  item: Item,
  options: { strings: Strings; age: Age; acts: Acts },
): void {
  const { strings: t, acts } = options;
  const { title, read, acted, archived, snoozed_until } = item;
  if (!shown.has(made)) make(made, item, options);
  shown.set(made, item);
  if (snoozed_until && !made.querySelector(".back"))
    made.querySelector(".acts")?.prepend(tool(t.unsnooze(title), CLOCK, "back", () => acts.snooze(item)));
  relabel(made, ".mark", read ? t.markUnread(title) : t.read(title), read ? DOT : CHECK);
  relabel(made, ".box", archived ? t.unarchive(title) : t.archive(title), BOX);
  for (const button of made.querySelectorAll<HTMLElement>(".answer")) {
    const pressed = button.dataset.action === acted;
    button.setAttribute("aria-pressed", String(pressed));
    button.setAttribute("aria-disabled", String(!!acted));
    button.classList.toggle("pressed", pressed);
  }
}

function tool(label: string, path: string, look: string, does: () => void): HTMLElement {
  const onclick = (event: Event): void => {
    event.stopPropagation();
    does();
  };
  return h(
    "button",
    { type: "button", class: look, "aria-label": label, title: label, onclick },
    label && drawing(path),
  );
}

function relabel(made: HTMLElement, which: string, label: string, path: string): void {
  const button = made.querySelector(which);
  if (button?.getAttribute("aria-label") === label) return;
  button?.setAttribute("aria-label", label);
  button?.setAttribute("title", label);
  button?.replaceChildren(drawing(path));
}

function make(
  made: HTMLElement,
  item: Item,
  { strings: t, age, acts }: { strings: Strings; age: Age; acts: Acts },
): void {
  const { title, created_at, actions = [] } = item;
  const now = (): Item => shown.get(made) as Item;
  const answers = actions.map(({ id: action, label, style, link }) => {
    const onclick = (event: Event): void => {
      event.stopPropagation();
      if (!now().acted) acts.press(item, action, destination(link ?? null));
    };
    return h("button", { type: "button", class: `answer ${style}`, "data-action": action, onclick }, label);
  });
  const later = h("select", {
    "aria-label": t.snooze(title),
    title: t.snooze(title),
    onclick: (event: Event) => event.stopPropagation(),
    // Of hundreds of rows one is asked for its choices.
    onpointerdown: () => fill(),
    onfocus: () => fill(),
    onchange: () => {
      const choice = later.selectedIndex - 1;
      later.selectedIndex = 0;
      if (choice >= 0) acts.snooze(now(), choice);
    },
  });
  const fill = (): void => {
    if (!later.options.length) later.append(...t.later.map((text) => h("option", {}, text)));
  };
  made.querySelector(".answers")?.append(...answers);
  made.append(
    h(
      "div",
      { class: "acts", "data-at": age.at(created_at) },
      tool("", CHECK, "mark", () => acts.read(now())),
      h("span", { class: "later" }, drawing(CLOCK), later),
      tool("", BOX, "box", () => acts.archive(now())),
      tool(t.dismiss(title), CROSS, "", () => acts.dismiss(item)),
    ),
  );
  if (TOUCH.matches) made.append(tool(t.acts(title), DOTS, "dots", () => made.classList.toggle("acting")));
}
