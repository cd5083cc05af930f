/** What the catalog calls its categories, as the element asks for it. */

import { it, vi } from "vitest";
import { categoriesOf } from "../src/inbox/catalog.ts";
import { atEnd, expect } from "./support.ts";

it.each([
  [{}, "https://shop.example/api/categories"],
  [{ url: "https://notify.example" }, "https://notify.example/api/categories"],
  [{ url: "https://notify.example/", path: "/socket.io/" }, "https://notify.example/api/categories"],
  [{ path: "/notify/socket.io/" }, "https://shop.example/notify/api/categories"],
  [
    { url: "https://notify.example", path: "/notify/socket.io" },
    "https://notify.example/notify/api/categories",
  ],
  // A page that has opened its inbox itself says so by the address alone.
  [{ url: "https://shop.example/notify" }, "https://shop.example/notify/api/categories"],
])("of %o is asked at %s", async (options, wanted) => {
  const asked: [string, unknown][] = [];
  vi.stubGlobal("location", { origin: "https://shop.example" });
  vi.stubGlobal("fetch", async (url: URL, { headers }: RequestInit) => {
    asked.push([String(url), headers]);
    return Response.json({ categories: [{ key: "orders", name: "Orders", icon: null }] });
  });
  atEnd(() => vi.unstubAllGlobals());

  const told = await categoriesOf({ ...options, token: "t" });

  expect(asked).toEqual([[wanted, { Authorization: "Bearer t" }]]);
  expect(told.map(({ name }) => name)).toEqual(["Orders"]);
});
