// @vitest-environment jsdom

/** The element as far as it goes without layout; browsers are tested as browsers. */

import { afterEach, beforeAll, beforeEach, describe, it, vi } from "vitest";
import type { BellhopInbox } from "../src/inbox/index.ts";
import type { Notification } from "../src/index.ts";
import { type Gateway, token } from "./gateway.ts";
import { atEnd, eventually, expect, gateway } from "./support.ts";

beforeAll(async () => {
  // jsdom knows no style sheets made in code.
  vi.stubGlobal(
    "CSSStyleSheet",
    class {
      replaceSync(): void {}
    },
  );
  // Nor does it lay anything out.
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe(): void {}
    },
  );
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  await import("../src/inbox/index.ts");
});

afterEach(() => document.body.replaceChildren());

async function shown(server: Gateway): Promise<{ element: BellhopInbox; root: ShadowRoot }> {
  const element = document.createElement("bellhop-inbox");
  element.setAttribute("url", server.url);
  element.setAttribute("token", token("ann"));
  element.options = { socket: { transports: ["websocket"] } };
  document.body.append(element);
  atEnd(() => element.remove());
  await eventually(() =>
    expect(element.inbox?.getSnapshot()).toMatchObject({ state: "ready", loading: false }),
  );
  return { element, root: element.shadowRoot as ShadowRoot };
}

const find = (root: ShadowRoot, selector: string): HTMLElement => {
  const found = root.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
};

/** Presses the bell, and waits for what comes of it. */
async function pressed(root: ShadowRoot): Promise<void> {
  find(root, ".bell").click();
  await eventually(() => expect(find(root, "[role=dialog]").hidden).toBe(false));
}

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

it("one that asks is answered once, and shows what was pressed", async () => {
  const server = await gateway();
  const asked = server.emit("user:ann", "Return it?");
  asked.actions = [
    { id: "yes", label: "Yes", style: "primary", link: "javascript:alert(1)" },
    { id: "no", label: "No", style: "default" },
  ];
  asked.image = "https://shop.example/a.png";
  const { root } = await shown(server);
  await pressed(root);
  await eventually(() => expect(root.querySelectorAll(".answer")).toHaveLength(2));
  const [yes, no] = [...root.querySelectorAll<HTMLElement>(".answer")] as [HTMLElement, HTMLElement];
  const image = find(root, ".glyph img");
  expect([image.getAttribute("width"), image.getAttribute("alt")]).toEqual(["36", ""]);

  yes.click();
  await eventually(() => expect(yes.getAttribute("aria-pressed")).toBe("true"));
  no.click();

  expect(no.getAttribute("aria-disabled")).toBe("true");
  expect(server.asked.filter(([event]) => event === "act")).toEqual([
    ["act", { id: asked.id, action: "yes" }],
  ]);
});

it("what cannot be archived comes back, and the element says so", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  server.fail = (event) => (event === "archive" ? "unavailable" : undefined);
  const { root } = await shown(server);
  await pressed(root);

  await eventually(() => find(root, ".box").click());

  await eventually(() =>
    expect(find(root, ".undo span").textContent).toBe("That did not work. Try again in a moment."),
  );
  await eventually(() => expect(root.querySelectorAll(".row[data-id]")).toHaveLength(1));
});

it("what is dismissed is so at once, and can be taken back, again and again if need be", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const { element, root } = await shown(server);
  await pressed(root);
  const asked = (): unknown[] => server.asked.filter(([event]) => /dismiss|unread/.test(event));

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(asked()).toEqual([["dismiss", { ids: [id] }]]));
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  server.fail = () => "unavailable";
  find(root, ".undo button").click();
  await eventually(() => expect(find(root, ".undo span").textContent).toMatch(/did not work/));
  server.fail = undefined;
  find(root, ".undo button").click();

  await eventually(() => expect(root.querySelectorAll(".row[data-id]:not(.read)")).toHaveLength(1));
  expect(element.inbox?.getSnapshot().unread).toBe(1);
  expect(asked().slice(-2)).toEqual([
    ["undismiss", { ids: [id] }],
    ["unread", { ids: [id] }],
  ]);
});

it("what is taken back while its dismissal waits is dismissed first, and then there again", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const { root } = await shown(server);
  await pressed(root);
  let refusals = 0;
  server.fail = (event) => (event === "dismiss" && !refusals++ ? "unavailable" : undefined);

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(refusals).toBe(1));
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  find(root, ".undo button").click();

  await eventually(() => expect(root.querySelectorAll(".row[data-id]:not(.read)")).toHaveLength(1));
  expect(server.asked.filter(([event]) => /dismiss|unread/.test(event))).toEqual(
    ["dismiss", "dismiss", "undismiss", "unread"].map((event) => [event, { ids: [id] }]),
  );
});

it("what was put off and is dismissed is put off again when that is taken back", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const { element, root } = await shown(server);
  server.did("snooze", [id], { read: true, snoozed_until: until });
  element.inbox?.setFilter({ snoozed: true });
  await pressed(root);
  await eventually(() => expect(root.querySelectorAll(".row[data-id].snoozed")).toHaveLength(1));

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  find(root, ".undo button").click();

  await eventually(() => expect(server.asked).toContainEqual(["snooze", { id, until }]));
  await eventually(() => expect(root.querySelectorAll(".row[data-id].snoozed")).toHaveLength(1));
});

it("what is dismissed in a tunnel is dismissed behind it, and there is no button to take it back", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const { element, root } = await shown(server);
  await pressed(root);
  await eventually(() => expect(root.querySelector(".acts")).not.toBeNull());
  await server.stop();
  await eventually(() => expect(element.inbox?.getSnapshot().state).toBe("offline"));

  find(root, '[aria-label^="Dismiss: "]').click();

  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  expect(find(root, ".undo span").textContent).toBe("Dismissed");
  expect(find(root, ".undo button").hidden).toBe(true);
  await server.start();
  await eventually(() => expect(server.asked.some(([event]) => event === "dismiss")).toBe(true));
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
