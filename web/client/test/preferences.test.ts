// @vitest-environment jsdom

/** The preferences, without and with their element, as far as they go without layout. */

import { afterEach, beforeAll, describe, it, vi } from "vitest";
import type { BellhopPreferences } from "../src/preferences/index.ts";
import { type Preferences, preferences } from "../src/preferences.ts";
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
  await import("../src/preferences/index.ts");
});

afterEach(() => document.body.replaceChildren());

async function opened(server: Gateway): Promise<Preferences> {
  const found = preferences({
    url: server.url,
    token: token("ann"),
    socket: { transports: ["websocket"] },
  });
  atEnd(() => found.close());
  await eventually(() => expect(found.getSnapshot().chosen).not.toBeNull());
  return found;
}

const changes = (server: Gateway): unknown[] =>
  server.asked.filter(([event, { set }]) => event === "preferences" && set).map(([, { set }]) => set);

describe("preferences", () => {
  it("are what holds, whoever has chosen it", async () => {
    const server = await gateway();
    const ann = await opened(server);
    expect(ann.getSnapshot()).toMatchObject({ state: "ready", chosen: { version: 0 } });

    server.choose({ categories: { offers: { email: false } } });

    await eventually(() =>
      expect(ann.getSnapshot().chosen).toMatchObject({
        version: 1,
        categories: { offers: { email: false } },
      }),
    );
  });

  it("are read anew after a time without a connection", async () => {
    const server = await gateway();
    const ann = await opened(server);

    await server.stop();
    server.choose({ locale: "de" });
    await server.start();

    await eventually(() => expect(ann.getSnapshot().chosen?.locale).toBe("de"));
  });

  it("are changed one after the other, and a change is told while it is under way", async () => {
    const server = await gateway();
    const ann = await opened(server);

    ann.choose({ categories: { offers: { email: false } } });
    ann.choose({ categories: { offers: { in_app: false } } });
    expect(ann.getSnapshot().saving).toEqual(["categories.offers.email", "categories.offers.in_app"]);
    await eventually(() => expect(ann.getSnapshot().saving).toEqual([]));

    expect(ann.getSnapshot().chosen?.categories).toEqual({ offers: { email: false, in_app: false } });
    expect(ann.getSnapshot().undoable?.place).toBe("categories.offers.in_app");
  });

  it("are had back once, however often that is asked", async () => {
    const server = await gateway();
    server.choose({ categories: { offers: { email: true } } });
    const ann = await opened(server);
    ann.choose({ categories: { offers: { email: false } } });
    await eventually(() => expect(ann.getSnapshot().undoable).not.toBeNull());

    ann.undo();
    ann.undo();
    await eventually(() => expect(ann.getSnapshot().undoable).toBeNull());
    ann.undo();

    expect(ann.getSnapshot().chosen?.categories).toEqual({ offers: { email: true } });
    expect(changes(server)).toHaveLength(2);
  });

  it("stay as they are where a change is refused, and say by what code until the next attempt", async () => {
    const server = await gateway();
    const ann = await opened(server);
    server.fail = () => "locked_preference";

    ann.choose({ types: { PASSWORD_RESET: { email: false } } });
    await eventually(() => expect(ann.getSnapshot().saving).toEqual([]));
    expect(ann.getSnapshot()).toMatchObject({
      failed: { "types.PASSWORD_RESET.email": "locked_preference" },
      undoable: null,
      chosen: { version: 0 },
    });
    server.fail = undefined;
    ann.choose({ types: { PASSWORD_RESET: { email: false } } });

    expect(ann.getSnapshot().failed).toEqual({});
  });
});

async function shown(
  server: Gateway,
  strings?: Partial<BellhopPreferences["strings"]>,
): Promise<{ element: BellhopPreferences; root: ShadowRoot }> {
  const element = document.createElement("bellhop-preferences");
  element.setAttribute("url", server.url);
  element.setAttribute("token", token("ann"));
  element.options = { socket: { transports: ["websocket"] } };
  if (strings) element.strings = strings;
  document.body.append(element);
  atEnd(() => element.remove());
  const root = element.shadowRoot as ShadowRoot;
  await eventually(() => expect(root.querySelector(".known")).toHaveProperty("hidden", false));
  return { element, root };
}

const find = <T extends HTMLElement>(root: ShadowRoot, selector: string): T => {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
};
const switchOf = (root: ShadowRoot, label: string): HTMLInputElement =>
  find(root, `input[aria-label="${label}"]`);
const rows = (root: ShadowRoot): string[] =>
  [...root.querySelectorAll("tbody tr")].map((row) =>
    // Without what can be chosen, which is not what is.
    [...row.querySelectorAll("th, .lock, .from, .error")].map(({ textContent }) => textContent).join(""),
  );

describe("the element", () => {
  it("has a switch where there is a choice, and says why where there is none", async () => {
    const { root } = await shown(await gateway());

    expect(rows(root)).toEqual([
      "EverythingWhat is important comes in any case.DefaultDefault",
      "OrdersDefaultDefault",
      "Order confirmationAlwaysImportant: it cannot be changedAlwaysImportant: it cannot be changed",
      "OffersDefaultDefault",
      "AccountAlwaysImportant: it cannot be changedAlwaysImportant: it cannot be changed",
    ]);
    expect(switchOf(root, "Email: Offers").checked).toBe(true);
    const described = switchOf(root, "Email: Offers").getAttribute("aria-describedby");
    expect(root.getElementById(described as string)?.textContent).toBe("Default");
  });

  it("chooses for a category, says so, and takes it back", async () => {
    const server = await gateway();
    const { root } = await shown(server);

    switchOf(root, "Email: Offers").click();
    await eventually(() => expect(find(root, ".undo").textContent).toBe("Saved: Email: OffersUndo"));
    expect(rows(root)[3]).toBe("OffersDefaultYour choice");
    find(root, ".undo button").focus();
    server.choose({ locale: "de" });
    await eventually(() => expect(find<HTMLSelectElement>(root, "#locale").value).toBe("de"));
    find(root, ".undo button").click();

    await eventually(() => expect(find(root, ".undo").hidden).toBe(true));
    expect(rows(root)[3]).toBe("OffersDefaultDefault");
    expect(root.activeElement).toBe(switchOf(root, "Email: Offers"));
    expect(changes(server)).toEqual([
      { categories: { offers: { email: false } } },
      { categories: { offers: { email: null } } },
    ]);
  });

  it("has mail of a category come once a day, until it is switched off", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    const often = find<HTMLSelectElement>(root, "[aria-label='Email: Offers: how often']");
    expect([often.value, [...often.options].map(({ text }) => text)]).toEqual([
      "",
      ["At once", "Once a day", "Once a week"],
    ]);

    often.value = "daily";
    often.dispatchEvent(new Event("change"));
    await eventually(() => expect(server.chosen.categories).toEqual({ offers: { email: "daily" } }));
    await eventually(() => expect(often.value).toBe("daily"));
    expect(switchOf(root, "Email: Offers").checked).toBe(true);
    switchOf(root, "Email: Offers").click();

    await eventually(() => expect(often.hidden).toBe(true));
    expect(server.chosen.categories).toEqual({ offers: { email: false } });
  });

  it("shows what was chosen elsewhere, and that a channel is off as a whole", async () => {
    const server = await gateway();
    const { root } = await shown(server);

    server.choose({ channels: { email: false } });

    await eventually(() => expect(rows(root)[3]).toBe("OffersDefaultEmail is off"));
    expect(switchOf(root, "Email: Offers").disabled).toBe(true);
    expect(switchOf(root, "Email: Everything").checked).toBe(false);
  });

  it("says beside the switch what kept a change from being made", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    server.fail = () => "unavailable";

    switchOf(root, "Email: Offers").click();

    await eventually(() =>
      expect(find(root, "tbody tr:nth-child(4) td:last-child [role=alert]").textContent).toBe(
        "Not saved: try again in a moment.",
      ),
    );
    expect(switchOf(root, "Email: Offers").checked).toBe(true);
  });

  it("opens the kinds of a category, and gives back to one what its category says", async () => {
    const server = await gateway();
    const { root } = await shown(server);

    find(root, ".kinds").click();
    await eventually(() => expect(find(root, ".kinds").getAttribute("aria-expanded")).toBe("true"));
    switchOf(root, "Email: Order update").click();
    await eventually(() => expect(server.chosen.types).toEqual({ ORDER_UPDATE: { email: false } }));
    await eventually(() =>
      expect(find(root, "[aria-label='Email: Order update: no choice of its own']").hidden).toBe(false),
    );
    find(root, "[aria-label='Email: Order update: no choice of its own']").click();

    await eventually(() => expect(server.chosen.types).toBeUndefined());
    expect(root.activeElement).toBe(switchOf(root, "Email: Order update"));
  });

  it("keeps quiet hours by the clock of the device, on the days that are wanted", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    expect(find(root, ".details").hidden).toBe(true);

    find(root, "#quiet-on").click();
    await eventually(() => expect(find(root, ".details").hidden).toBe(false));
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(server.chosen).toEqual({ quiet_hours: { start: "22:00", end: "07:00" }, timezone: zone });
    const [start] = root.querySelectorAll<HTMLInputElement>("input[type=time]");
    (start as HTMLInputElement).value = "21:30";
    start?.dispatchEvent(new Event("blur"));
    find(root, "[aria-label=Sunday]").click();
    const days = ["mon", "tue", "wed", "thu", "fri", "sat"];
    await eventually(() => expect(server.chosen.quiet_hours).toEqual({ start: "21:30", end: "07:00", days }));
    // Each while those before are on their way: an answer to an older press takes back no newer one.
    for (const day of ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]) {
      find(root, `[aria-label=${day}]`).click();
      await new Promise((resolve) => setTimeout(resolve));
    }

    await eventually(() => expect(server.chosen.quiet_hours).toBeUndefined());
  });

  it("offers the languages that there are words in, each by its own name", async () => {
    const server = await gateway();
    const { root } = await shown(server);
    const select = find<HTMLSelectElement>(root, "#locale");
    expect([...select.options].map(({ text }) => text)).toEqual(["Automatic", "English", "Deutsch"]);

    select.value = "de";
    select.dispatchEvent(new Event("change"));

    await eventually(() => expect(server.chosen.locale).toBe("de"));
  });

  it.each([
    ["ar", "ما يصلك", "البريد: Offers"],
    ["de-CH", "Was Sie bekommen", "E-Mail: Offers"],
    ["es", "Lo que recibe", "Correo: Offers"],
    ["fr-CA", "Ce que vous recevez", "E-mail : Offers"],
    ["nl", "What you are told", "Email: Offers"],
  ])("speaks the language of the page: %s", async (lang, title, offers) => {
    document.documentElement.lang = lang;
    atEnd(() => document.documentElement.removeAttribute("lang"));

    const { root } = await shown(await gateway());

    await eventually(() => expect(find(root, "h2").textContent).toBe(title));
    expect(switchOf(root, offers).checked).toBe(true);
  });

  it("says what the page would rather have said, beside the words of the language", async () => {
    document.documentElement.lang = "de-AT";
    atEnd(() => document.documentElement.removeAttribute("lang"));
    const { element, root } = await shown(await gateway(), { title: "Meine Benachrichtigungen" });
    await eventually(() => expect(switchOf(root, "E-Mail: Offers").checked).toBe(true));
    expect(find(root, "h2").textContent).toBe("Meine Benachrichtigungen");

    element.strings = { byDefault: "wie gehabt" };

    expect(rows(root)[3]).toBe("Offerswie gehabtwie gehabt");
  });

  it("shows the categories that the page wants", async () => {
    const { element, root } = await shown(await gateway());

    element.categories = ["offers"];

    await eventually(() => expect(rows(root)).toHaveLength(2));
  });

  it("offers to try again what could not be read", async () => {
    const server = await gateway();
    server.fail = (event) => (event === "preferences" ? "unavailable" : undefined);
    const element = document.createElement("bellhop-preferences");
    element.options = { url: server.url, token: token("ann"), socket: { transports: ["websocket"] } };
    document.body.append(element);
    atEnd(() => element.remove());
    const root = element.shadowRoot as ShadowRoot;
    await eventually(() => expect(find(root, ".trouble").hidden).toBe(false));

    server.fail = undefined;
    find(root, ".trouble button").click();

    await eventually(() => expect(find(root, ".known").hidden).toBe(false));
    expect(find(root, ".trouble").hidden).toBe(true);
  });

  it("asks about links in email only where the page wants that", async () => {
    const server = await gateway();
    const { element, root } = await shown(server);
    expect(find(root, ".tracking").hidden).toBe(true);

    element.setAttribute("tracking", "");
    element.strings = {};
    const on = find<HTMLInputElement>(root, "#tracking-on");
    expect([find(root, ".tracking").hidden, on.checked]).toEqual([false, false]);
    on.click();
    await eventually(() => expect(server.asked).toContainEqual(["preferences", { set: { tracking: true } }]));

    server.fail = (event) => (event === "preferences" ? "unavailable" : undefined);
    on.click();
    await eventually(() => expect(find(root, ".tracking .error").textContent).toContain("Not saved"));
    expect(on.checked).toBe(true);
    const label = () => find(root, ".tracking .line").textContent;
    expect(label()).toBe("Let the sender see which I follow");
    element.setAttribute("tracking", "opens");
    element.strings = {};
    await eventually(() =>
      expect(label()).toBe("Let the sender see which I follow, and which emails I open"),
    );
  });

  it("closes its connection when it leaves the page", async () => {
    const server = await gateway();
    const { element } = await shown(server);

    element.remove();

    await eventually(() => expect(server.sockets).toHaveLength(0));
  });
});
