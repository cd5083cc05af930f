import { expect, test } from "vitest";
import { behind } from "../src/paging.tsx";

const keyOf = (item: string): string => item;
const list = (text: string): string[] => [...text];

test("what the first page has lost to what came above it stands behind it", () => {
  expect(behind(list("zyab"), list("abcdef"), keyOf, 4)).toEqual(list("cdef"));
});

test("what has left the first page does not stand behind it", () => {
  expect(behind(list("acd"), list("abcdef"), keyOf, 4)).toEqual(list("ef"));
});

test("nothing is behind a first page that what was read does not reach", () => {
  expect(behind(list("wxyz"), list("abcd"), keyOf, 4)).toBeNull();
});

test("what was read stays behind a page that is not full: nothing lies between", () => {
  expect(behind(list("x"), list("abcd"), keyOf, 4)).toEqual(list("abcd"));
});

test("what was read stays while the first page is empty, or ends with one that came in between", () => {
  expect(behind([], list("abc"), keyOf, 4)).toEqual(list("abc"));
  expect(behind(list("abz"), list("abc"), keyOf, 4)).toEqual(list("c"));
});
