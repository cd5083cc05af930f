/** The first minute on one screen: the shop, a mailbox, and the dashboard, under a strip that tells what happens. */

import { code } from "./code.ts";
import { type Action, type Address, act, type Config, type Customer, fromDemo } from "./config.ts";
import { cut } from "./cut.ts";
import { button, element } from "./elements.ts";
import { guide, type Step } from "./guide.ts";
import { line } from "./line.ts";
import { mailbox } from "./mailbox.ts";
import { type Shop, type ShopOptions, shop } from "./shop.ts";
import { watch } from "./watch.ts";

const PANES = { shop: "Shop", mail: "Mail", dashboard: "Dashboard" } as const;
type Pane = keyof typeof PANES;

/** Buttons of which one is pressed. */
function switcher<K extends string>(
  label: string,
  names: Readonly<Record<K, string>>,
  choose: (key: K) => void,
): { element: HTMLElement; press(key: K): void; button(key: K): HTMLButtonElement } {
  const buttons = new Map<K, HTMLButtonElement>();
  const press = (chosen: K): void => {
    for (const [key, each] of buttons) each.setAttribute("aria-pressed", String(key === chosen));
    choose(chosen);
  };
  for (const key of Object.keys(names) as K[])
    buttons.set(
      key,
      button(names[key], "tab", () => press(key)),
    );
  const group = element("div", "switcher", ...buttons.values());
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  return { element: group, press, button: (key) => buttons.get(key) as HTMLButtonElement };
}

export interface Desk {
  element: HTMLElement;
  wear(theme: "dark" | "light"): void;
}

/** `landed`: whether a link of a mail has led here, which has to be known before the first inbox is opened. */
export function desk(
  { users, admin, curl }: Config & { admin: { token: string } },
  landed: boolean,
  told: Pick<ShopOptions, "complain" | "refused">,
): Desk {
  const [ann, ...others] = users as [Customer, ...Customer[]];
  const path = new URL("../socket.io/", document.baseURI).pathname;
  const admins = watch(admin.token, fromDemo, path);
  const steps = guide();
  let theme: "dark" | "light" = "light";

  // The dashboard

  const board = element("iframe", "board");
  board.title = "The dashboard";
  board.src = `../demo-dashboard/#token=${admin.token}`;
  const showOnBoard = (hash: string): void => {
    if (board.contentWindow) board.contentWindow.location.hash = hash;
  };
  const wearBoard = (): void => {
    const page = board.contentDocument?.documentElement;
    if (page) page.dataset.theme = theme;
  };
  board.addEventListener("load", wearBoard);
  // What comes in, as it comes, tells most beside a shop.
  board.addEventListener("load", () => showOnBoard("#/feed"), { once: true });
  const dashboard = element(
    "section",
    "pane",
    element("header", "pane-head", element("h2", "", "The admins’ dashboard")),
    board,
  );
  dashboard.setAttribute("aria-label", "The admins’ dashboard");

  // The strip

  const trace = line(
    admins,
    ann.name,
    (id) => {
      showOnBoard(`#/trace/${id}`);
      panes.press("dashboard");
    },
    (known) => {
      if (known.line.some(({ via, what }) => via === "reader" && (what === "read" || what === "clicked")))
        did(known.notification.id, steps.done() >= 5 ? 5 : 1);
    },
  );
  const breaks = cut(ann, admins, told.complain);
  const did = (id: string, step: Step): void => {
    if (id === steps.followed()) steps.did(step);
  };
  const follow = (id: string | undefined): void => {
    if (!id) return;
    steps.follow(id);
    trace.follow(id);
  };

  // The shop

  const pressed = (action: Action, emitted: readonly Address[]): void => {
    // Of an order the confirmation comes behind it, by mail alone.
    follow(emitted.find(({ seq }) => seq !== null)?.id);
    if (action === "order") steps.did(0);
  };
  const shops = element("div", "shops");
  const windows = new Map<string, Shop>();
  const attend = (customer: Customer): Shop => {
    const own = customer === ann;
    const leave = button("Leave", "button quiet small-button", () => away());
    leave.title = `${customer.name} closes the shop`;
    const made = shop(customer, {
      ...told,
      pressed: own ? pressed : (_, emitted) => trace.follow(emitted[0]?.id ?? ""),
      beside: own ? [leave, ...code(ann.name, curl ?? null)] : [],
    });
    windows.set(customer.id, made);
    made.element.querySelector("bellhop-inbox")?.setAttribute("theme", theme);
    if (own) breaks.attend(made.inbox);
    return made;
  };
  const closed = element("section", "pane closed");
  closed.setAttribute("aria-label", `${ann.name} has left`);
  const away = (): void => {
    windows.get(ann.id)?.close();
    shops.prepend(closed);
    steps.did(2);
    ship.disabled = false;
    ship.focus();
  };
  const back = (): void => {
    closed.remove();
    const made = attend(ann);
    shops.prepend(made.element);
    made.element.querySelector<HTMLElement>("button")?.focus();
  };
  const ship = button(`Ship ${ann.name}’s order`, "button primary", async () => {
    ship.disabled = true;
    try {
      pressed("ship", await act("ship", ann));
      told.complain("");
    } catch (error) {
      told.complain((error as Error).message);
      ship.disabled = false;
    }
  });
  closed.append(
    element("span", "avatar large", ann.name.slice(0, 1)),
    element("h2", "", `${ann.name} has closed the shop`),
    element(
      "p",
      "soft",
      "Nothing of hers is connected. What she is told waits in the store, and what she does not read is mailed.",
    ),
    element("div", "closed-acts", ship, button("Open it again", "button quiet", back)),
  );
  shops.append(...users.map((user) => attend(user).element));
  const people = switcher("Whose shop", Object.fromEntries(users.map(({ id, name }) => [id, name])), (id) => {
    shops.dataset.shown = id === ann.id ? "first" : "other";
    for (const { id: each } of others) windows.get(each)?.element.toggleAttribute("hidden", each !== id);
  });
  const store = element(
    "div",
    "pane-stack",
    element("header", "pane-head", element("h2", "", "The shop"), people.element),
    shops,
  );

  // The mailbox

  const mails = mailbox(
    ann,
    ({ id }) => {
      did(id, 3);
      if (grid.dataset.pane !== "mail") panes.button("mail").classList.add("news-dot");
    },
    (href) => {
      const url = new URL(href, document.baseURI);
      const here = new URL(".", document.baseURI);
      const tracked = url.pathname.startsWith(new URL("../c/", here).pathname);
      // A link of a mail opens the shop: in this very tab, so that one sees what comes of it.
      if (tracked || url.pathname === here.pathname) location.assign(url.pathname + url.search + url.hash);
      else open(url.href, "_blank", "noopener");
    },
  );

  // All of it

  const grid = element("main", "desk", store, mails.element, dashboard);
  grid.setAttribute("aria-label", "The shop, a mailbox, and the dashboard");
  store.dataset.is = "shop";
  mails.element.dataset.is = "mail";
  dashboard.dataset.is = "dashboard";
  const panes = switcher<Pane>("What is shown", PANES, (pane) => {
    grid.dataset.pane = pane;
    if (pane === "mail") panes.button("mail").classList.remove("news-dot");
  });
  const views = element("nav", "panes", panes.element);
  views.setAttribute("aria-label", "Panes");
  panes.press("shop");
  people.press(ann.id);
  const followed = steps.followed();
  if (landed) {
    steps.did(4);
    // Where the link has led to.
    const order = /^#order-(\w+)$/.exec(location.hash)?.[1];
    const stop = windows.get(ann.id)?.inbox.subscribe(() => {
      if (!order || windows.get(ann.id)?.inbox.getSnapshot().state !== "ready") return;
      stop?.();
      windows.get(ann.id)?.point(order);
    });
  }
  if (followed && steps.done() < 6) trace.follow(followed);
  const strip = element(
    "div",
    "strip",
    steps.element,
    element("div", "strip-below", trace.element, breaks.element),
  );
  return {
    element: element("div", "whole", strip, views, grid),
    wear(now) {
      theme = now;
      wearBoard();
    },
  };
}
