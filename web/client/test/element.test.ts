// @vitest-environment jsdom

/** The element as far as it goes without layout; browsers are tested as browsers. */

import { afterEach, beforeEach, describe, it, vi } from "vitest";
import type { Notification } from "../src/index.ts";
import { find, pressed, shown } from "./element.ts";
import { atEnd, eventually, expect, gateway } from "./support.ts";

it("one that stands for several says for how many, in one row", async () => {
  const server = await gateway();
  server.emit("user:ann", "placed", { collapse: "order" });
  server.emit("user:ann", "alone", { collapse: "other" });
  const { root } = await shown(server);
  await pressed(root);

  server.emit("user:ann", "shipped", { collapse: "order" });
  await eventually(() => expect(find(root, ".row .name").textContent).toBe("shipped"));

  const rows = [...root.querySelectorAll(".row[data-id]")];
  expect(rows.map((row) => row.querySelector(".name")?.textContent)).toEqual(["shipped", "alone"]);
  const times = find(root, ".row .times");
  expect(times.textContent).toBe("×22 updates");
  expect(rows[0]?.getAttribute("aria-describedby")).toContain(times.id);
  expect(rows[1]?.querySelector(".times")).toBeNull();
});

describe("the bell", () => {
  it("says and shows how many are unread", async () => {
    const server = await gateway();
    const { element, root } = await shown(server);
    const told: number[] = [];
    element.addEventListener("bellhop-unread", (event) => told.push((event as CustomEvent<number>).detail));
    expect(find(root, ".badge").hidden).toBe(true);

    for (let n = 0; n < 120; n++) server.emit("user:ann", `number ${n}`);
    await eventually(() => expect(told.at(-1)).toBe(120));

    expect(find(root, ".bell").getAttribute("aria-label")).toBe("Notifications, 99+ unread");
    expect(find(root, ".badge").textContent).toBe("99+");
  });

  it("opens a dialog, and Escape gives the focus back", async () => {
    const { root } = await shown(await gateway());
    const bell = find(root, ".bell");

    await pressed(root);
    expect(bell.getAttribute("aria-expanded")).toBe("true");
    find(root, "[role=dialog]").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));

    expect(bell.getAttribute("aria-expanded")).toBe("false");
    expect(find(root, "[role=dialog]").hidden).toBe(true);
    expect(root.activeElement).toBe(bell);
  });

  it("has the focus go to what comes first, where it was opened before that", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    await pressed(root);
    expect(root.activeElement).toBe(find(root, "[role=dialog]"));

    server.emit("user:ann", "shipped");

    await eventually(() => expect(root.activeElement).toBe(find(root, ".row[data-id]")));
  });

  it("speaks the language it is given", async () => {
    const { element, root } = await shown(await gateway());

    element.strings = { title: "Nachrichten", bell: () => "Nachrichten" };

    await pressed(root);

    expect(find(root, ".bell").getAttribute("aria-label")).toBe("Nachrichten");
    expect(find(root, "h2").textContent).toBe("Nachrichten");
  });
});

describe("marking all as read", () => {
  const all = (root: ShadowRoot): HTMLElement => find(root, "button.all");

  it("is asked back when it is more than one, and not meant by a double click", async () => {
    const server = await gateway();
    for (let n = 0; n < 3; n++) server.emit("user:ann", `number ${n}`);
    const { element, root } = await shown(server);
    await pressed(root);

    all(root).click();
    expect(all(root).textContent).toBe("Mark 3 as read?");
    all(root).dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 2 }));
    expect(element.inbox?.getSnapshot().unread).toBe(3);
    all(root).click();

    await eventually(() => expect(element.inbox?.getSnapshot().unread).toBe(0));
    expect(all(root).textContent).toBe("Mark all as read");
  });

  it("is forgotten when one turns to something else", async () => {
    const server = await gateway();
    for (let n = 0; n < 3; n++) server.emit("user:ann", `number ${n}`);
    const { element, root } = await shown(server);
    await pressed(root);

    all(root).click();
    all(root).dispatchEvent(new FocusEvent("blur"));
    all(root).click();

    expect(all(root).textContent).toBe("Mark 3 as read?");
    expect(element.inbox?.getSnapshot().unread).toBe(3);
  });
});

describe("the tabs by category", () => {
  const tabs = (root: ShadowRoot): (string | null)[] =>
    [...root.querySelectorAll(".kinds button")].map((tab) => tab.textContent);

  it("are those that have been seen, when there are several", async () => {
    const server = await gateway();
    server.emit("user:ann", "one", { category: "orders" });
    const { root } = await shown(server);
    await pressed(root);
    await eventually(() => expect(root.querySelectorAll("article")).toHaveLength(1));
    await eventually(() => expect(find(root, ".kinds").hidden).toBe(true));

    server.emit("user:ann", "two", { category: "offers" });
    await eventually(() => expect(tabs(root)).toEqual(["All", "Offers", "Orders"]));
    (root.querySelectorAll(".kinds button")[1] as HTMLElement).click();

    await eventually(() => expect(root.querySelectorAll("article")).toHaveLength(1));
    expect(find(root, "article").textContent).toContain("two");
    expect(tabs(root)).toEqual(["All", "Offers", "Orders"]);
  });

  it("are named, and put in order, by the page", async () => {
    const server = await gateway();
    server.emit("user:ann", "eins", { category: "orders" });
    const { element, root } = await shown(server);

    element.categories = { offers: "Angebote", orders: "Bestellungen" };
    await pressed(root);

    await eventually(() => expect(tabs(root)).toEqual(["All", "Angebote", "Bestellungen"]));
  });
});

describe("a toast", () => {
  beforeEach(() => vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible"));
  afterEach(() => vi.restoreAllMocks());

  const toasts = (root: ShadowRoot): (string | null)[] =>
    [...root.querySelectorAll(".toast .name")].map((name) => name.textContent);

  it("is shown for each of a few arrivals", async () => {
    const server = await gateway();
    const { root } = await shown(server);

    server.emit("user:ann", "one");
    server.emit("user:ann", "two");

    await eventually(() => expect(toasts(root)).toEqual(["one", "two"]));
  });

  it("shows the newest of a burst, and how many more there were", async () => {
    const server = await gateway();
    const { root } = await shown(server);

    for (let n = 0; n < 12; n++) server.emit("user:ann", `number ${n}`);

    await eventually(() => expect(toasts(root)).toEqual(["number 11"]));
    expect(find(root, ".toast .body").textContent).toBe("and 11 more");
  });

  it("is spoken once for all that came within a second", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    const spoken: (string | null)[] = [];
    const live = find(root, ".spoken[role=status]");
    new MutationObserver(() => spoken.push(live.textContent)).observe(live, { childList: true });

    for (let n = 0; n < 30; n++) server.emit("user:ann", `number ${n}`);

    await eventually(() => expect(spoken).toEqual(["30 new notifications"]));
  });
});

describe("a notification", () => {
  it("is text, whatever it holds, and leads nowhere that runs code", async () => {
    const server = await gateway();
    const evil = server.emit("user:ann", "<img src=x onerror=alert(1)>", { silent: true });
    Object.assign(evil, { link: "javascript:alert(1)", body: "<b>bold</b>" });
    const { root } = await shown(server);

    await pressed(root);
    await eventually(() => expect(root.querySelectorAll("article")).toHaveLength(1));

    const row = find(root, "article");
    expect(row.querySelector("img, b, a")).toBeNull();
    expect(find(root, ".name").textContent).toBe("<img src=x onerror=alert(1)>");
  });

  it("is read when it is opened, and the page is asked first", async () => {
    const server = await gateway();
    Object.assign(server.emit("user:ann", "one", { silent: true }), { link: "/orders/1" });
    const { element, root } = await shown(server);
    const opened: Notification[] = [];
    element.addEventListener("bellhop-open", (event) => {
      event.preventDefault();
      opened.push((event as CustomEvent<Notification>).detail);
    });

    await pressed(root);
    await eventually(() => expect(root.querySelectorAll("article")).toHaveLength(1));
    find(root, "article").click();
    await eventually(() => expect(find(root, "article").className).toContain("read"));

    expect(opened.map((n) => n.link)).toEqual(["/orders/1"]);
    expect(find(root, ".bell").getAttribute("aria-label")).toBe("Notifications");
  });
});

it.each([
  ["where pages may show notifications", true],
  ["nowhere else, as in Chrome on Android", false],
])("asks whether the browser may tell of news: %s", async (_, mayShow) => {
  vi.stubGlobal(
    "Notification",
    class {
      static readonly permission = "default";
      constructor() {
        if (!mayShow) throw new TypeError("Illegal constructor");
      }
    },
  );
  const { root } = await shown(await gateway(), { reach: "desktop" });

  await pressed(root);

  expect(find(root, ".desktop").hidden).toBe(!mayShow);
});

it("an end for good is said, with a way back", async () => {
  const server = await gateway();
  const { element, root } = await shown(server);
  await pressed(root);

  server.close("replaced", false);
  await eventually(() => expect(find(root, ".notice").textContent).toContain("moved to a newer window"));
  find(root, ".notice button").click();

  await eventually(() => expect(element.inbox?.getSnapshot().state).toBe("ready"));
});

it("an element that leaves the page closes its connection", async () => {
  const server = await gateway();
  const { element } = await shown(server);

  element.remove();

  await eventually(() => expect(server.sockets).toHaveLength(0));
});

it("it speaks the language of the page, and lets the page have the last word", async () => {
  document.documentElement.lang = "fr-CA";
  atEnd(() => document.documentElement.removeAttribute("lang"));
  const { element, root } = await shown(await gateway());
  await eventually(() => expect(element.strings.readAll).toBe("Tout marquer comme lu"));
  await pressed(root);
  expect(find(root, ".all").textContent).toBe("Tout marquer comme lu");

  element.close();
  element.strings = { title: "Courrier" };
  await pressed(root);

  expect(find(root, "h2").textContent).toBe("Courrier");
  expect(find(root, ".all").textContent).toBe("Tout marquer comme lu");
});

it("opens in a page whose language is no tag as the standard has them", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  atEnd(() => document.documentElement.removeAttribute("lang"));

  for (const [lang, title] of [
    ["de_AT", "Mitteilungen"],
    ["en-US@posix", "Notifications"],
  ] as const) {
    document.documentElement.lang = lang;
    const { element, root } = await shown(server);
    await eventually(() => expect(find(root, ".bell").getAttribute("aria-label")).toContain(title));
    await pressed(root);
    await eventually(() => expect(find(root, ".row .name").textContent).toBe("one"));
    element.remove();
  }
});
