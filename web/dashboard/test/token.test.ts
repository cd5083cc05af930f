import { subject } from "@bellhop/client";
import { describe, expect, test } from "vitest";
import { looksLikeToken, tokenInFragment } from "../src/token.ts";

describe("the token", () => {
  test("is found in the fragment and nowhere else", () => {
    expect(tokenInFragment("#token=ab.c-d.e_f")).toBe("ab.c-d.e_f");
    expect(tokenInFragment("#/users/token=x")).toBeNull();
    expect(tokenInFragment("#token=<script>")).toBeNull();
  });

  test("tells whose it is, and of nonsense that it is nobody's", () => {
    const claims = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

    expect(subject(`e30.${claims({ sub: "Zoë?~ 42" })}.x`)).toBe("Zoë?~ 42");
    expect(subject(`e30.${claims(null)}.x`)).toBeUndefined();
    expect(subject("e30.?.x")).toBeUndefined();
    expect(subject("")).toBeUndefined();
  });

  test("has three parts", () => {
    expect([looksLikeToken("a.b.c"), looksLikeToken("a.b"), looksLikeToken("a b.c.d")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
