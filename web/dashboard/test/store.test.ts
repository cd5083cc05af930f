import { expect, test } from "vitest";
import { Store } from "../src/store.ts";

test("a store tells its listeners of changes only, until they go", () => {
  const store = new Store(1);
  let told = 0;
  const stop = store.subscribe(() => {
    told += 1;
  });
  store.set(1);
  store.update((value) => value + 1);
  stop();
  store.set(9);
  expect([told, store.get()]).toEqual([1, 9]);
});
