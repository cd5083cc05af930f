/** One notification of the list, and what it says; what one can do with it comes later. */

import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { destination, h } from "./elements.ts";
import { glyph, type Icon } from "./icons.ts";
import type { Strings } from "./strings.ts";

export interface RowActs {
  follow(item: Item): void;
  /** Shows all of its text, or no more of it than the others. */
  expand(item: Item): void;
}

/** Makes the row's element, or brings `old` up to date. */
export const row = (
  item: Item,
  old: HTMLElement | undefined,
  options: { strings: Strings; icon: Icon; age: Age; acts: RowActs },
): HTMLElement => {
  const made = old ?? make(item, options);
  const { strings: t, age } = options;
  const { read, snoozed_until } = item;
  made.classList.toggle("read", read);
  made.classList.toggle("snoozed", !!snoozed_until);
  const time = made.querySelector("time") as HTMLElement;
  const when = snoozed_until ? age.at(snoozed_until) : age(item.created_at);
  if (time.textContent !== when) time.textContent = when;
  const state = made.querySelector(".state");
  if (state) state.textContent = read ? "" : t.unreadMark;
  return made;
};

const make = (
  item: Item,
  { strings: t, icon, age, acts }: { strings: Strings; icon: Icon; age: Age; acts: RowActs },
): HTMLElement => {
  const { id, title, body, created_at, collapsed = 1, actions = [], image } = item;
  const made = h("article", { class: "row", part: "item", "data-id": id });
  const href = destination(item.link);
  // The direction of a text is its own, whatever the page's is.
  const said = { class: "name", id: `t-${id}`, dir: "auto" };
  const name = href ? h("a", { ...said, href }, title) : h("span", said, title);
  const picture = glyph(icon(item));
  if (/^https:/.test(image ?? ""))
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
  made.classList.toggle("asks", !!actions[0]);
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
      // The button stands at the end of the text, whichever side that is.
      h(
        "div",
        { class: "text", dir: "auto" },
        h("p", { class: "body", id: `b-${id}` }, body),
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
      ),
      actions[0] && h("div", { class: "answers", role: "group", "aria-label": title }),
    ),
    h("span", { class: "dot", "aria-hidden": "true" }),
  );
  made.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    acts.follow(item);
  });
  return made;
};

/** Marks a row whose text is cut off. Reads the layout: after all has been written. */
export const judge = (made: Element): void => {
  const [name, body] = made.querySelectorAll(".name, .body") as unknown as [Element, Element];
  const cut = (text: Element): boolean =>
    text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight + 1;
  made.classList.toggle("long", cut(name) || cut(body));
  // Below a line or less there is room for the button; else it lies over the end of the second.
  made.classList.toggle("roomy", body.clientHeight < name.clientHeight * 1.5);
};

/** Shows all of a row's text, or cuts it off again. */
export const open = (made: Element, isOpen: boolean, { more, less }: Strings): void => {
  made.classList.toggle("open", isOpen);
  const button = made.querySelector(".more") as HTMLElement;
  button.textContent = isOpen ? less : more;
  button.setAttribute("aria-expanded", String(isOpen));
};
