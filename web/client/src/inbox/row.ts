/** One notification of the list: what it says, and what one can do with it. */

import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { destination, drawing, h } from "./elements.ts";
import { BOX, CHECK, CLOCK, CROSS, DOT, DOTS, glyph, type Icon } from "./icons.ts";
import { LATER } from "./later.ts";
import type { Strings } from "./strings.ts";

export interface Acts {
  follow(item: Item): void;
  /** Marks it as read, or as unread where it is read. */
  read(item: Item): void;
  dismiss(item: Item): void;
  archive(item: Item): void;
  /** Puts it off; undefined brings back what was. */
  snooze(item: Item, until?: Date): void;
  press(item: Item, action: string, link: string | undefined): void;
  /** Shows all of its text, or no more of it than the others. */
  expand(item: Item): void;
}

const TOUCH = globalThis.matchMedia?.("(hover: none)") ?? { matches: false };

/** The item that each row shows now: what can change of it changes in place. */
const shown = new WeakMap<HTMLElement, Item>();

/** Makes the row's element, or brings `old` up to date. */
export function row(
  item: Item,
  old: HTMLElement | undefined,
  options: { strings: Strings; icon: Icon; age: Age; acts: Acts },
): HTMLElement {
  const made = old ?? make(item, options);
  const { strings: t, age, acts } = options;
  const { title, read, acted, archived, snoozed_until } = item;
  shown.set(made, item);
  made.classList.toggle("read", read);
  made.classList.toggle("snoozed", !!snoozed_until);
  if (snoozed_until && !made.querySelector(".back"))
    made.querySelector(".acts")?.prepend(tool(t.unsnooze(title), CLOCK, "back", () => acts.snooze(item)));
  const time = made.querySelector("time") as HTMLElement;
  const when = snoozed_until ? age.at(snoozed_until) : age(item.created_at);
  if (time.textContent !== when) time.textContent = when;
  const state = made.querySelector(".state");
  if (state) state.textContent = read ? "" : t.unreadMark;
  relabel(made, ".mark", read ? t.markUnread(title) : t.read(title), read ? DOT : CHECK);
  relabel(made, ".box", archived ? t.unarchive(title) : t.archive(title), BOX);
  for (const button of made.querySelectorAll<HTMLElement>(".answer")) {
    const pressed = button.dataset.action === acted;
    button.setAttribute("aria-pressed", String(pressed));
    button.setAttribute("aria-disabled", String(!!acted));
    button.classList.toggle("pressed", pressed);
  }
  return made;
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
  item: Item,
  { strings: t, icon, age, acts }: { strings: Strings; icon: Icon; age: Age; acts: Acts },
): HTMLElement {
  const { id, title, body, created_at, collapsed = 1, actions = [], image } = item;
  const made = h("article", { class: "row", part: "item", "data-id": id });
  const now = (): Item => shown.get(made) as Item;
  const href = destination(item.link);
  // The direction of a text is its own, whatever the page's is.
  const said = { class: "name", id: `t-${id}`, dir: "auto" };
  const name = href ? h("a", { ...said, href }, title) : h("span", said, title);
  const answers = actions.map(({ id: action, label, style, link }) => {
    const onclick = (event: Event): void => {
      event.stopPropagation();
      if (!now().acted) acts.press(item, action, destination(link ?? null));
    };
    return h("button", { type: "button", class: `answer ${style}`, "data-action": action, onclick }, label);
  });
  const picture = glyph(icon(item));
  if (image && new URL(image, location.href).protocol === "https:")
    picture.append(
      h("img", {
        src: image,
        alt: "",
        width: 36,
        height: 36,
        loading: "lazy",
        decoding: "async",
        referrerpolicy: "no-referrer",
        // What cannot be had leaves the picture that is below it.
        onerror: ({ target }: Event) => (target as Element).remove(),
      }),
    );
  const later = h("select", {
    "aria-label": t.snooze(title),
    title: t.snooze(title),
    onclick: (event: Event) => event.stopPropagation(),
    // Of hundreds of rows one is asked for its choices.
    onpointerdown: () => fill(),
    onfocus: () => fill(),
    onchange: ({ target }: Event) => {
      const choice = LATER[(target as HTMLSelectElement).selectedIndex - 1];
      later.selectedIndex = 0;
      if (choice) acts.snooze(item, choice(new Date()));
    },
  });
  const fill = (): void => {
    if (!later.options.length) later.append(...t.later.map((text) => h("option", {}, text)));
  };
  made.classList.toggle("asks", !!answers[0]);
  made.setAttribute("aria-labelledby", `s-${id} t-${id}`);
  made.setAttribute("aria-describedby", `b-${id} n-${id} w-${id}`);
  made.append(
    h("span", { class: "day" }),
    picture,
    h(
      "div",
      { class: "words" },
      h(
        "div",
        { class: "line" },
        h("span", { class: "spoken state", id: `s-${id}` }),
        name,
        collapsed > 1 &&
          h(
            "span",
            { class: "times", id: `n-${id}`, title: t.updates(collapsed) },
            h("span", { "aria-hidden": "true" }, `×${collapsed}`),
            h("span", { class: "spoken" }, t.updates(collapsed)),
          ),
        h("time", { id: `w-${id}`, datetime: created_at, title: age.at(created_at) }),
      ),
      h("p", { class: "body", id: `b-${id}`, dir: "auto" }, body),
      h(
        "button",
        {
          type: "button",
          class: "more",
          "aria-expanded": "false",
          "aria-controls": `t-${id} b-${id}`,
          onclick(event: Event): void {
            event.stopPropagation();
            acts.expand(item);
          },
        },
        t.more,
      ),
      answers[0] && h("div", { class: "answers", role: "group", "aria-label": title }, ...answers),
    ),
    h("span", { class: "dot", "aria-hidden": "true" }),
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
  made.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    acts.follow(item);
  });
  return made;
}

/** Marks a row whose text is cut off. Reads the layout: after all has been written. */
export function judge(made: Element): void {
  const [name, body] = made.querySelectorAll(".name, .body") as unknown as [Element, Element];
  const cut = (text: Element): boolean =>
    text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight + 1;
  made.classList.toggle("long", cut(name) || cut(body));
  // Below a line or less there is room for the button; else it lies over the end of the second.
  made.classList.toggle("roomy", body.clientHeight < name.clientHeight * 1.5);
}

/** Shows all of a row's text, or cuts it off again. */
export function open(made: Element, isOpen: boolean, { more, less }: Strings): void {
  made.classList.toggle("open", isOpen);
  const button = made.querySelector(".more") as HTMLElement;
  button.textContent = isOpen ? less : more;
  button.setAttribute("aria-expanded", String(isOpen));
}
