import { expect, test } from "vitest";
import { behind } from "../src/paging.tsx";

const keyOf = (item: string): string => item;
const list = (text: string): string[] => [...text];

test("what the first page has lost to what came above it stands behind it", () => {
  expect(behind(list("zyab"), list("abcdef"), keyOf)).toEqual(list("cdef"));
});

test("what has left the first page does not stand behind it", () => {
  expect(behind(list("acd"), list("abcdef"), keyOf)).toEqual(list("ef"));
});

test("nothing is behind a first page that what was read does not reach", () => {
  expect(behind(list("wxyz"), list("abcd"), keyOf)).toBeNull();
});

test("what was read stays while the first page is empty, or ends with one that came in between", () => {
  expect(behind([], list("abc"), keyOf)).toEqual(list("abc"));
  expect(behind(list("abz"), list("abc"), keyOf)).toEqual(list("c"));
});
