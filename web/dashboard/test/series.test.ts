import { describe, expect, test } from "vitest";
import { bucketed, scale, stretches, sum, windowOf, within } from "../src/series.ts";

describe("a series", () => {
  const now = Date.parse("2026-01-01T12:00:30.000Z");

  test("falls into the buckets that end with the present one", () => {
    const window = windowOf(now, 3, 60);
    const at = ["11:57:00", "11:58:10", "12:00:00", "12:00:10"].map((time) => `2026-01-01T${time}.000Z`);
    expect(bucketed(window, at, [100, 1, 2, 3], sum)).toEqual([1, 2, 3]);
  });

  test("counts as much in all as in its buckets", () => {
    const window = windowOf(now, 3, 60);
    const at = ["11:57:00", "11:58:00", "11:58:10", "12:01:00", "12:01:10"].map(
      (time) => `2026-01-01T${time}.000Z`,
    );
    expect(within(window, at)).toEqual([false, false, true, true, false]);
    expect(bucketed(window, at, [1, 1, 1, 1, 1], sum)).toEqual([1, null, 1]);
  });

  test("has gaps where nothing was measured", () => {
    const window = windowOf(now, 2, 60);
    expect(bucketed(window, ["2026-01-01T12:00:10.000Z"], [null], sum)).toEqual([null, null]);
    expect(stretches([null, 1, 2, null, 3])).toEqual([
      [
        [1, 1],
        [2, 2],
      ],
      [[4, 3]],
    ]);
  });

  test.each([0, 1, 3, 7, 9.9, 99, 1234, 0.004])("has a scale of round numbers over %d", (value) => {
    const { top, marks } = scale(value, false);
    expect(top).toBeGreaterThanOrEqual(value);
    expect(marks.length).toBeLessThanOrEqual(6);
    expect(marks.at(-1)).toBeCloseTo(top);
  });

  test.each([1, 2, 3, 5, 9, 10, 11, 99, 100, 1234])("has whole marks over %d whole things", (value) => {
    const { top, marks } = scale(value, true);
    expect(top).toBeGreaterThanOrEqual(value);
    expect(marks.length).toBeLessThanOrEqual(6);
    expect(marks.filter((mark) => !Number.isInteger(mark))).toEqual([]);
  });
});
