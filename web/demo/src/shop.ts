/** One customer's shop window: the inbox in the corner, a product, and the orders as they go. */

import { connect, type Inbox } from "@bellhop/client";
import type { BellhopInbox } from "@bellhop/client/inbox";
import type { BellhopPreferences } from "@bellhop/client/preferences";
import { type Action, type Address, act, type Customer, orderUpdates, tokenOf } from "./config.ts";
import { element } from "./elements.ts";
import lamp from "./lamp.svg";
import { type Order, orderOf, ordersIn, type Stage } from "./orders.ts";

const SHOWN = 3;
const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  placed: "Placed",
  shipped: "Shipped",
  delivered: "Delivered",
};
/** The catalog has one for the staff too, which is no customer's business. */
const CATEGORIES = ["orders", "service", "offers", "newsletter"];

function row(order: Order): HTMLElement {
  const made = element(
    "li",
    `order ${order.stage}`,
    element(
      "div",
      "",
      element("b", "", `Order ${order.number}`),
      // Beside its number: toasts lie over the other end.
      element("span", "stage", STAGE_WORDS[order.stage]),
    ),
    element("span", "item", order.item),
  );
  made.dataset.order = order.number;
  return made;
}

/** What the customer is told and how, in a dialog of the shop's own. */
function settings(customer: Customer, path: string): HTMLDialogElement {
  const preferences: BellhopPreferences = document.createElement("bellhop-preferences");
  preferences.options = { getToken: () => tokenOf(customer), path };
  preferences.categories = CATEGORIES;
  preferences.setAttribute("tracking", "");
  const close = element("button", "button quiet", "Done");
  close.type = "button";
  const dialog = element("dialog", "settings", preferences, element("div", "settings-foot", close));
  dialog.setAttribute("aria-label", `What ${customer.name} is told`);
  close.addEventListener("click", () => dialog.close());
  // It leaves the page with its connection.
  dialog.addEventListener("close", () => dialog.remove());
  return dialog;
}

export interface ShopOptions {
  /** Shows what went wrong; an empty text when it has gone right. */
  complain(text: string): void;
  /** Is told that the gateway does not take the customer's token. */
  refused(customer: Customer): void;
  /** Is told what a button has emitted. */
  pressed?: ((action: Action, emitted: readonly Address[]) => void) | undefined;
  /** What stands beside the bell. */
  beside?: readonly HTMLElement[] | undefined;
}

export interface Shop {
  element: HTMLElement;
  inbox: Inbox;
  /** Marks the order that the notification is about, for who has come to see it. */
  point(order: string): void;
  /** The customer leaves: nothing of theirs is connected from here on. */
  close(): void;
}

export function shop(customer: Customer, options: ShopOptions): Shop {
  const { complain, refused } = options;
  // Beside the page's folder, under whatever path a proxy has put both.
  const path = new URL("../socket.io/", document.baseURI).pathname;
  const inbox = connect({ getToken: () => tokenOf(customer), path });
  const bell: BellhopInbox = document.createElement("bellhop-inbox");
  // For what the catalog calls the categories.
  bell.options = { url: new URL("..", document.baseURI).href, getToken: () => tokenOf(customer) };
  bell.inbox = inbox;
  bell.setAttribute("preferences-url", "#preferences");
  bell.addEventListener("bellhop-preferences", (event) => {
    event.preventDefault();
    const dialog = settings(customer, path);
    dialog.querySelector("bellhop-preferences")?.setAttribute("theme", bell.getAttribute("theme") ?? "light");
    dialog.addEventListener("close", () => bell.shadowRoot?.querySelector<HTMLElement>(".bell")?.focus());
    window.append(dialog);
    dialog.showModal();
  });

  const does = (action: Action, text: string, look: string): HTMLButtonElement => {
    const button = element("button", `button ${look}`, text);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const emitted = await act(action, customer);
        complain("");
        options.pressed?.(action, emitted);
      } catch (error) {
        complain((error as Error).message);
      }
      button.disabled = false;
      button.focus();
      show();
    });
    return button;
  };
  const ship = does("ship", "Ship it", "quiet");
  const list = element("ul", "orders");
  const none = element(
    "p",
    "none",
    "No orders yet. Place one and it appears here, told by its notification.",
  );
  const title = element("h2", "", `Fernwood, as ${customer.name} sees it`);
  title.id = `shop-${customer.id}`;
  const picture = element("img", "");
  picture.src = lamp;
  picture.alt = "A brass desk lamp";

  const window = element(
    "section",
    "shop",
    element(
      "header",
      "bar",
      element("span", "logo", "Fernwood"),
      element("span", "who", element("i", "avatar", customer.name.slice(0, 1).toUpperCase()), customer.name),
      ...(options.beside ?? []),
      bell,
    ),
    title,
    element(
      "div",
      "shelf",
      element(
        "div",
        "product",
        element("div", "picture", picture),
        element(
          "div",
          "about",
          element("small", "", "Lighting"),
          element("h3", "", "Brass desk lamp"),
          element("p", "", "Turned brass, linen cord, a warm light that you can dim by touch."),
          element("div", "price", "€ 89"),
          does("order", "Place order", "primary"),
        ),
      ),
      element(
        "div",
        "below",
        // Above the orders: toasts lie over what is below.
        element(
          "div",
          "heading",
          element("h3", "", "Your orders"),
          does("complain", "File a complaint", "quiet"),
          ship,
        ),
        list,
        none,
      ),
    ),
  );
  window.setAttribute("aria-labelledby", title.id);
  window.id = customer.id;

  let shown = "";
  let orders: Order[] = [];
  let asked = false;
  const look = async (): Promise<void> => {
    asked = true;
    try {
      orders = ordersIn(await orderUpdates(customer), orders);
      show();
    } catch {
      // Asked again at the next connection.
      asked = false;
    }
  };
  let stopped = false;
  const show = (): void => {
    const { items, state, reason } = inbox.getSnapshot();
    if (state === "ready" && !asked) void look();
    if (state === "stopped" && !stopped && /token/.test(reason ?? "")) refused(customer);
    stopped = state === "stopped";
    // What the inbox lists depends on its filter; an order once known stays known.
    orders = ordersIn(items, orders);
    ship.disabled = !orders.some((order) => order.stage === "placed");
    const newest = orders.slice(0, SHOWN);
    const now = JSON.stringify(newest);
    if (now === shown) return;
    shown = now;
    list.replaceChildren(...newest.map(row));
    none.hidden = orders.length > 0;
  };
  inbox.subscribe(show);
  show();
  inbox.onArrival((arrived) => {
    for (const notification of arrived) {
      const order = orderOf(notification);
      if (order) list.querySelector(`[data-order="${order.number}"]`)?.classList.add("news");
    }
  });
  const point = (number: string): void => {
    const found = list.querySelector(`[data-order="${number}"]`);
    found?.classList.remove("news");
    requestAnimationFrame(() => found?.classList.add("news"));
  };
  // The shop has one page: what a notification leads to is already in sight.
  bell.addEventListener("bellhop-open", (event) => {
    event.preventDefault();
    const order = orderOf((event as CustomEvent).detail);
    bell.close();
    if (order) point(order.number);
  });
  return {
    element: window,
    inbox,
    point,
    close() {
      inbox.close();
      window.remove();
    },
  };
}
