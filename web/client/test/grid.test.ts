/** What the rows and cells of the preferences say. */

import { describe, it } from "vitest";
import { lines } from "../src/preferences/grid.ts";
import { inverse, type PreferencesPatch, placeOf } from "../src/preferences.ts";
import { Gateway } from "./gateway.ts";
import { expect } from "./support.ts";

const NONE: ReadonlySet<string> = new Set();

/** The rows as `kind key`, with what each of their mails says. */
function emails(patch: PreferencesPatch, open: ReadonlySet<string> = NONE): Record<string, unknown> {
  const server = new Gateway();
  server.choose(patch);
  return Object.fromEntries(
    lines(server.preferences() as never, open).map(({ kind, key, cells }) => [
      `${kind} ${key}`.trim(),
      `${cells.email.value} ${cells.email.from}`,
    ]),
  );
}

// A gateway that is not started tells nobody.
Gateway.prototype.tell = () => {};

describe("the rows", () => {
  it("are one a category, and one a type that there is no choice of among others", () => {
    expect(emails({})).toEqual({
      all: "true default",
      "category orders": "true default",
      "type ORDER_CONFIRMATION": "true locked",
      "category offers": "true default",
      "category account": "true locked",
    });
  });

  it("are called as the catalog calls them", () => {
    const found = lines(new Gateway().preferences() as never, new Set(["orders", "offers"]));

    expect(Object.fromEntries(found.map(({ key, name }) => [key, name]))).toMatchObject({
      offers: "Offers",
      SALE_OFFER: "Sales",
      ORDER_UPDATE: "",
    });
  });

  it("show a type that has a choice of its own, and all of a category that was opened", () => {
    expect(emails({ types: { ORDER_UPDATE: { email: false } } })).toMatchObject({
      "category orders": "false types",
      "type ORDER_UPDATE": "false chosen",
    });
    expect(Object.keys(emails({}, new Set(["offers"])))).toContain("type SALE_OFFER");
  });
});

describe("a cell", () => {
  it("says whether its category was chosen, or its channel is off", () => {
    expect(emails({ categories: { offers: { email: false } } })["category offers"]).toBe("false chosen");
    expect(emails({ categories: { offers: { email: "daily" } } })["category offers"]).toBe("daily chosen");
    expect(emails({ channels: { email: false } })).toMatchObject({
      all: "false chosen",
      "category offers": "false channel",
      "category account": "true locked",
    });
  });

  it("is neither on nor off where the types of a category differ", () => {
    const server = new Gateway();
    const chosen = server.preferences() as { grid: object[] };
    const channels = { in_app: {}, email: { value: false, from: "default" } };
    const mixed = { category: "orders", name: "Orders", type: "OTHER", channels };

    const found = lines({ ...chosen, grid: [chosen.grid[0], mixed] } as never, NONE);

    expect(found[1]?.cells.email).toMatchObject({ value: null, from: "mixed" });
  });

  it("comes in no digest where its type does not, and a category where none of its types does", () => {
    const server = new Gateway();
    const chosen = server.preferences() as { grid: { channels: { email: object } }[] };
    const [first] = chosen.grid;
    const alone = (type: string) => ({
      ...first,
      type,
      channels: { ...first?.channels, email: { value: true, from: "default", digests: false } },
    });
    const found = (...grid: object[]) =>
      lines({ ...chosen, grid } as never, new Set(["orders"])).map(({ cells }) => !!cells.email.alone);

    expect(found(alone("A"), alone("B"))).toEqual([false, true, true, true]);
    expect(found(first as object, alone("B"))).toEqual([false, false, false, true]);
  });
});

describe("a change", () => {
  it("is taken back to what was there, or to nothing", () => {
    const before = {
      channels: {},
      categories: { offers: { email: false } },
      quiet_hours: { start: "22:00", end: "07:00" },
      timezone: null,
    };

    expect(inverse(before, { categories: { offers: { email: true, in_app: false } } })).toEqual({
      categories: { offers: { email: false, in_app: null } },
    });
    expect(inverse(before, { categories: { orders: { email: true } } })).toEqual({
      categories: { orders: { email: null } },
    });
    expect(inverse(before, { quiet_hours: null, timezone: "Europe/Berlin" })).toEqual({
      quiet_hours: before.quiet_hours,
      timezone: null,
    });
    expect(inverse(before, { quiet_hours: { days: ["mon"] } })).toEqual({ quiet_hours: { days: null } });
    expect(inverse({}, { quiet_hours: { start: "22:00", end: "07:00" } })).toEqual({ quiet_hours: null });
  });

  it("is named by the way to it", () => {
    expect(placeOf({ categories: { offers: { email: null } } })).toBe("categories.offers.email");
    expect(placeOf({ quiet_hours: { start: "1", end: "2" } })).toBe("quiet_hours");
    expect(placeOf({ locale: "de", timezone: "UTC" })).toBe("locale timezone");
  });
});
