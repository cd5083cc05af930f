import { describe, expect, test } from "vitest";
import {
  at,
  blank,
  placed,
  pointerOf,
  pointers,
  type Schema,
  sentence,
  shapeOf,
  withAt,
} from "../src/schema.ts";

const ROOT: Schema = {
  type: "object",
  required: ["items"],
  properties: {
    items: { type: "array", maxItems: 3, items: { $ref: "#/$defs/item" } },
    address: { type: "object", properties: { city: { type: "string" } } },
    more: { type: "object" },
  },
  $defs: {
    item: {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string" }, amount: { $ref: "#/$defs/amount" } },
    },
    amount: { description: "With cents.", anyOf: [{ type: "number" }, { type: "string" }] },
    loop: { $ref: "#/$defs/loop" },
    "a/b": { type: "boolean" },
  },
};

describe("a part of a schema", () => {
  test.each([
    [{ type: "string" }, { kind: "text", format: "text" }],
    [
      { type: "string", maxLength: 4000 },
      { kind: "text", format: "long", longest: 4000 },
    ],
    [
      { type: "string", format: "date" },
      { kind: "text", format: "date" },
    ],
    [
      { type: "string", format: "date-time" },
      { kind: "text", format: "datetime" },
    ],
    [{ enum: ["a", 1, null] }, { kind: "choice", options: ["a", 1, null] }],
    [{ const: "x" }, { kind: "choice", options: ["x"] }],
    [{ type: "integer" }, { kind: "number", whole: true }],
    [{ type: ["number", "null"] }, { kind: "number", whole: false }],
    [{ type: ["string", "number"] }, { kind: "text", format: "text" }],
    [{ type: "boolean" }, { kind: "flag" }],
    [{ anyOf: [{ type: "null" }, { type: "boolean" }] }, { kind: "flag" }],
    [{ $ref: "#/$defs/amount" }, { kind: "text", format: "text" }],
    [{ $ref: "#/$defs/a~1b" }, { kind: "flag" }],
  ])("%o is drawn as %o", (schema, shape) => expect(shapeOf(schema, ROOT)).toMatchObject(shape));

  test.each([
    {},
    { type: "object" },
    { type: "array" },
    { type: "array", prefixItems: [], items: { type: "string" } },
    { oneOf: [{ type: "object" }, { type: "string" }] },
    { $ref: "#/$defs/loop" },
    { $ref: "#/nowhere" },
    { type: ["object", "string"] },
  ])("%o has no form, and is written as JSON", (schema) => expect(shapeOf(schema, ROOT).kind).toBe("json"));

  test("is written as JSON below the depth that can be read as a form", () => {
    const tree: Schema = { type: "object", properties: { child: { $ref: "#" } } };
    const depths = [0, 4, 5].map((depth) => shapeOf(tree, tree, depth).kind);
    expect(depths).toEqual(["object", "object", "json"]);
    // A schema that leads back into itself has an end in the form.
    expect(pointers(tree, tree, {})).toHaveLength(6);
  });

  test("begins as something of its kind", () => {
    const made = [
      { $ref: "#/$defs/item" },
      { type: "string" },
      { enum: [3] },
      { type: "array", items: { type: "integer" } },
    ];
    expect(made.map((schema) => blank(schema, ROOT))).toEqual([{}, "", 3, []]);
  });
});

describe("a value", () => {
  test("is changed in a copy, and what is undefined is taken away", () => {
    const value = { items: [{ name: "a" }, { name: "b" }], x: 1 };
    expect(withAt(value, ["items", 1, "name"], "c")).toEqual({ items: [{ name: "a" }, { name: "c" }], x: 1 });
    expect(withAt(value, ["items", 0], undefined)).toEqual({ items: [{ name: "b" }], x: 1 });
    expect(withAt(value, ["x"], undefined)).toEqual({ items: value.items });
    expect(withAt(undefined, ["a", 0, "b"], 1)).toEqual({ a: [{ b: 1 }] });
    expect(value.items[1]?.name).toBe("b");
    expect([at(value, ["items", 1, "name"]), at(value, ["toString"]), at(null, ["a"])]).toEqual([
      "b",
      undefined,
      undefined,
    ]);
  });
});

describe("what is wrong", () => {
  const value = { items: [{ name: "" }], more: { deep: 1 } };
  const fields = pointers(ROOT, ROOT, value);

  test("is told at the field of its pointer, or at the nearest around it", () => {
    const errors = {
      "/data/items/0/name": ["it is too short"],
      "/data/more/deep/down": ["it is missing"],
      "/data/stranger": ["it is not in the schema"],
      "/data/items": ["it is too long"],
      to: ["Must be a room."],
    };
    expect(placed(errors, fields)).toEqual({
      "/data/items/0/name": "It is too short.",
      "/data/more": "Deep/down: it is missing.",
      "/data": "Stranger: it is not in the schema.",
      "/data/items": "It is too long.",
    });
  });

  test("has pointers with what JSON Pointer escapes", () => {
    expect(pointerOf(["a/b", 0, "c~d"])).toBe("/data/a~1b/0/c~0d");
    expect(sentence("it is missing")).toBe("It is missing.");
    expect(sentence("Must be x.")).toBe("Must be x.");
  });
});
