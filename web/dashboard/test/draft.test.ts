import { describe, expect, test } from "vitest";
import { BLANK, bodyOf, errorOf, PATTERNS, roomsOf } from "../src/draft.ts";

describe("a draft", () => {
  test("becomes the shortest body that says the same", () => {
    const { body, errors } = bodyOf({ ...BLANK, to: "user:ann", title: "Hi", mail: "yes" });
    expect(errors).toEqual({});
    expect(body).toEqual({ to: "user:ann", type: "ANNOUNCEMENT", title: "Hi", email: true });
  });

  test("says all that was filled in", () => {
    const { body } = bodyOf({
      ...BLANK,
      to: "user:a, user:b c\nuser:a",
      title: "Hi",
      data: '{"n": 1}',
      mail: "yes",
      subject: "S",
      afterMinutes: "1.5",
      unless: "read",
      keep: false,
    });
    expect(body).toMatchObject({
      to: ["user:a", "user:b c"],
      data: { n: 1 },
      store: false,
      email: { subject: "S", after: 90, unless: "read" },
    });
  });

  test("is told what cannot be asked for, and asks for the rest, so that all is judged at once", () => {
    const { body, errors } = bodyOf({
      ...BLANK,
      data: "[1]",
      link: "javascript:alert(1)",
      mail: "yes",
      afterMinutes: "soon",
    });
    expect(Object.keys(errors).sort()).toEqual(["data", "email.after", "title", "to"]);
    expect(body).toEqual({
      to: [],
      type: "ANNOUNCEMENT",
      title: "",
      link: "javascript:alert(1)",
      email: true,
    });
    expect(roomsOf(" , \n")).toEqual([]);
  });

  test("of a type of the catalog leaves to it the words and the mail", () => {
    const draft = { ...BLANK, to: "user:ann", type: "REVIEW" };
    const data = { product: "Lamp" };
    expect(bodyOf(draft, data)).toEqual({ body: { to: "user:ann", type: "REVIEW", data }, errors: {} });
    expect(bodyOf({ ...draft, mail: "no", locale: "de", title: "Mine" }, data).body).toMatchObject({
      title: "Mine",
      locale: "de",
      email: false,
    });
  });

  test("finds its errors under a field and its inner ones", () => {
    const errors = { "to.0": ["Bad."], "to.1": ["Bad."], total: ["No."] };
    expect(errorOf(errors, "to")).toBe("Bad.");
    expect(errorOf(errors, "title")).toBeNull();
  });

  test.each(PATTERNS)("of the pattern $name is sound once it has a room", ({ draft }) => {
    expect(bodyOf({ ...BLANK, to: "user:ann", ...draft }).errors).toEqual({});
  });
});
