import { describe, expect, test } from "vitest";
import { sheet } from "../src/download.ts";

describe("a file for a spreadsheet", () => {
  test("quotes what needs it, and holds no formula", () => {
    expect(sheet([["a,b", 'say "x"', null, 7, "=1+1", "-2", "@x"]])).toBe(
      `"a,b","say ""x""",,7,'=1+1,'-2,'@x\n`,
    );
  });
});
