import { describe, expect, test } from "vitest";
import { rows, text } from "../src/csv.ts";
import { sheet } from "../src/download.ts";
import { Refusal } from "../src/gateway.ts";
import { asked } from "../src/mailsearch.ts";
import type { Suppression } from "../src/protocol.ts";
import { AT_ONCE, type Item, imported, parts, read, sheetOf } from "../src/suppressionlist.ts";
import { part } from "../src/words.ts";

describe("what one types to find mail", () => {
  const find = (text_: string) => asked({ find: text_, since: "", until: "" });

  test("an address, a user or an id is told by what it looks like", () => {
    expect(find(" Ann@shop.example ")).toEqual({ address: "Ann@shop.example" });
    expect(find("ann")).toEqual({ user: "ann" });
    expect(find("user:ann@shop.example")).toEqual({ user: "ann@shop.example" });
    expect(find("01A21671-7F99-77AC-8A63-CA2C5DE100D2")).toEqual({
      notification: "01a21671-7f99-77ac-8a63-ca2c5de100d2",
    });
    expect(find("  ")).toEqual({});
  });

  test("days are whole, and in one's own time", () => {
    const { since = "", until = "" } = asked({ find: "ann", since: "2026-11-26", until: "2026-11-30" });

    expect(new Date(since)).toEqual(new Date(2026, 10, 26));
    expect(new Date(until)).toEqual(new Date(2026, 11, 1));
  });
});

describe("values with commas between", () => {
  test("are read however they were quoted and ended", () => {
    const source = '\uFEFFa,b\r\n"x, ""y""","two\nlines"\r\n\n1,\n,2';

    expect(rows(source)).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ['x, "y"', "two\nlines"] },
      { line: 5, cells: ["1", ""] },
      { line: 6, cells: ["", "2"] },
    ]);
    expect(rows("")).toEqual([]);
  });

  test("come back as they were written", () => {
    const cells = [
      ["a", 'say "no"', "one, two"],
      ["two\r\nlines", "", "x"],
    ];

    expect(rows(text(cells)).map((row) => row.cells)).toEqual(cells);
  });
});

const ANN: Suppression = {
  address: "ann@shop.example",
  scope: "*",
  reason: "hard_bounce",
  source: "server",
  evidence: { mail: "m1", code: "5.1.1", diagnostic: "550, no such user" },
  created_at: "2026-11-26T10:30:00.000Z",
  expires_at: null,
};

describe("a list of suppressions", () => {
  test("is read as it was written", () => {
    expect(read(sheet(sheetOf([ANN])))).toEqual([
      {
        line: 2,
        item: {
          address: "ann@shop.example",
          scope: "*",
          reason: "hard_bounce",
          evidence: { mail: "m1", code: "5.1.1", diagnostic: "550, no such user" },
        },
      },
    ]);
  });

  test("holds nothing that a spreadsheet would run, and is read as it was meant", () => {
    const bad = {
      ...ANN,
      address: "=cmd|'x'!a0@shop.example",
      evidence: { ...ANN.evidence, diagnostic: "'=1+1" },
    };

    const file = sheet(sheetOf([bad, { ...ANN, address: "o'hara@shop.example" }]));

    expect(rows(file).map(({ cells }) => [cells[0], cells[6]])).toEqual([
      ["address", "diagnostic"],
      ["'=cmd|'x'!a0@shop.example", "''=1+1"],
      ["o'hara@shop.example", "550, no such user"],
    ]);
    expect(read(file)?.map(({ item }) => item.address)).toEqual([bad.address, "o'hara@shop.example"]);
    expect(read(file)?.[0]?.item.evidence).toEqual(bad.evidence);
  });

  test("of another sender keeps its words as evidence", () => {
    expect(read("EmailAddress,Reason\nann@shop.example,550 no such user\n")).toEqual([
      { line: 2, item: { address: "ann@shop.example", evidence: { diagnostic: "550 no such user" } } },
    ]);
  });

  test("of another sender has other names for the address", () => {
    expect(read("Email Address,Reason\nann@shop.example,MANUAL\n")).toEqual([
      { line: 2, item: { address: "ann@shop.example", reason: "manual" } },
    ]);
    expect(read("name\nann\n")).toBeNull();
  });

  const lines = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ line: at + 2, item: { address: `u${at}@shop.example` } }));

  test("is taken in parts that a connection takes", () => {
    const long = { line: 2, item: { address: "a@b.c", evidence: { diagnostic: "x".repeat(20_000) } } };

    expect(parts(lines(2 * AT_ONCE + 1)).map(({ length }) => length)).toEqual([AT_ONCE, AT_ONCE, 1]);
    expect(parts([long, long]).map(({ length }) => length)).toEqual([1, 1]);
    expect(parts([])).toEqual([]);
  });

  test("loses only the lines that are wrong, and says which", async () => {
    const kept: Item[] = [];
    const told: number[] = [];
    const ask = async (items: readonly Item[]) => {
      const bad = items.findIndex(({ address }) => address === "u101@shop.example");
      if (bad >= 0) {
        const errors = { [`suppressions.${bad}.address`]: ["Must be an address."] };
        throw new Refusal("validation_failed", "wrong", errors);
      }
      kept.push(...items);
      return items.length;
    };

    const came = await imported(lines(AT_ONCE + 3), ask, (count) => told.push(count));

    expect(came).toEqual({
      read: AT_ONCE + 2,
      fresh: AT_ONCE + 2,
      mistakes: [{ line: 103, problem: "address Must be an address." }],
    });
    expect(kept).toHaveLength(AT_ONCE + 2);
    expect(told).toEqual([AT_ONCE, AT_ONCE + 3]);
  });

  test("ends at what is no line's fault", async () => {
    const away = new Refusal("unavailable", "away");

    await expect(imported(lines(1), () => Promise.reject(away))).rejects.toBe(away);
  });
});

test("a part is told in per cent", () => {
  expect([0, 0.003, 0.0512, 1].map(part)).toEqual(["0%", "0.3%", "5.1%", "100%"]);
});
