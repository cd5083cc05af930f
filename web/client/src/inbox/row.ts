/** One notification of the list: what it says, and what one can do with it. */

import type { Item } from "../protocol.ts";
import type { Age } from "./age.ts";
import { destination, drawing, h } from "./elements.ts";
import { CHECK, CROSS, glyph, type Icon } from "./icons.ts";
import type { Strings } from "./strings.ts";

export interface Acts {
  follow(item: Item): void;
  read(item: Item): void;
  dismiss(item: Item): void;
  /** Shows all of its text, or no more of it than the others. */
  expand(item: Item): void;
}

/** Makes the row's element, or brings `old` up to date. */
export function row(
  item: Item,
  old: HTMLElement | undefined,
  options: { strings: Strings; icon: Icon; age: Age; acts: Acts },
): HTMLElement {
  const { strings: t, icon, age, acts } = options;
  const { id, title, body, created_at, collapsed = 1 } = item;
  const made = old ?? h("article", { class: "row", part: "item", "data-id": id });
  made.classList.toggle("read", item.read);
  if (old) {
    // Of what is shown only this can change.
    old.querySelector(".state")?.replaceChildren(item.read ? "" : t.unreadMark);
    return old;
  }
  const href = destination(item.link);
  // The direction of a text is its own, whatever the page's is.
  const said = { class: "name", id: `t-${id}`, dir: "auto" };
  const name = href ? h("a", { ...said, href }, title) : h("span", said, title);
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
  made.setAttribute("aria-describedby", `b-${id} n-${id} w-${id}`);
  made.append(
    glyph(icon(item)),
    h(
      "div",
      { class: "words" },
      h(
        "div",
        { class: "line" },
        h("span", { class: "spoken state", id: `s-${id}` }, item.read ? "" : t.unreadMark),
        name,
        collapsed > 1 &&
          h(
            "span",
            { class: "times", id: `n-${id}`, title: t.updates(collapsed) },
            h("span", { "aria-hidden": "true" }, `×${collapsed}`),
            h("span", { class: "spoken" }, t.updates(collapsed)),
          ),
        h("time", { id: `w-${id}`, datetime: created_at }, age(created_at)),
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
    ),
    h("span", { class: "dot", "aria-hidden": "true" }),
    h(
      "div",
      { class: "acts" },
      act(t.read(title), CHECK, "mark", () => {
        // The button goes with the mark; a focus on it must not.
        if (made.matches(":focus-within")) made.focus();
        acts.read(item);
      }),
      act(t.dismiss(title), CROSS, "", () => acts.dismiss(item)),
    ),
  );
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
