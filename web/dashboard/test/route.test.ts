import { describe, expect, test } from "vitest";
import { placeOf, withParameter } from "../src/fragment.ts";
import { href, parse, type Route, userOf } from "../src/route.ts";
import { NO_SEARCH } from "../src/tracesearch.ts";

describe("the route", () => {
  const routes: Route[] = [
    { page: "overview" },
    { page: "online" },
    { page: "nodes" },
    { page: "feed", room: "", type: "", by: "" },
    { page: "feed", room: "user:a b&c", type: "", by: "" },
    { page: "feed", room: "", type: "SALE", by: "shop" },
    {
      page: "trace",
      id: null,
      user: "ann",
      type: "SALE",
      service: "a&b",
      key: "k=1",
      since: "2026-11-26",
      until: "",
    },
    { page: "trace", id: "01900000-0000-7000-8000-000000000000", ...NO_SEARCH },
    {
      page: "audit",
      by: "user:ann",
      operation: "recall",
      target: "user:bob",
      since: "",
      until: "2026-11-27",
    },
    { page: "users", user: null },
    { page: "users", user: "a/b?c#d%e ü" },
    { page: "mail", state: "dead", find: "", since: "", until: "" },
    { page: "mail", state: "", find: "ann+x@b.example", since: "2026-11-26", until: "2026-11-27" },
    { page: "suppressions", address: "a&b@c.example", scope: "lane:bulk" },
    { page: "statistics", span: "1y", type: "ORDER_UPDATE", channel: "in_app" },
    { page: "types", type: null, view: "" },
    { page: "types", type: "ORDER_UPDATE", view: "preview" },
    { page: "compose", to: "user:ann", type: "" },
    { page: "compose", to: "", type: "REVIEW" },
  ];
  test.each(routes)("survives the address bar: %o", (route) => {
    expect(parse(href(route))).toEqual(route);
  });

  test("keeps what is looked for in a list, beside what else it says", () => {
    const fragment = withParameter("#/users", "find", "Ann & Bob=ü");

    expect(placeOf(fragment).said("find")).toBe("Ann & Bob=ü");
    expect(parse(fragment)).toEqual({ page: "users", user: null });
    expect(withParameter(fragment, "find", "")).toBe("#/users");
    expect(withParameter("#/types/A?view=mail", "find", "x")).toBe("#/types/A?view=mail&find=x");
    expect(placeOf("").said("find")).toBe("");
  });

  test("of anything else is the overview", () => {
    for (const text of ["", "#", "#/", "#/nowhere", "#token"])
      expect(parse(text)).toEqual({ page: "overview" });
  });

  test("takes a user id that cannot be decoded as it stands", () => {
    expect(parse("#/users/100%")).toEqual({ page: "users", user: "100%" });
  });

  test("knows whose room it is", () => {
    expect([userOf("user:a:b"), userOf("topic:x"), userOf("all")]).toEqual(["a:b", null, null]);
  });
});
