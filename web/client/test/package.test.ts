/** What is published: its files, its size, and that what was built can be imported. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, it } from "vitest";
import { token } from "./gateway.ts";
import { atEnd, eventually, expect, gateway } from "./support.ts";

const ROOT = join(import.meta.dirname, "..");
const CORE_BYTES = 5.0625 * 1024;
/** Of the element, beside the core: of what a page begins with, and of that with the panel, which is all that is fetched unasked. */
const BELL_BYTES = 6.5 * 1024;
const ELEMENT_BYTES = 14.125 * 1024;
/** Of what is fetched once the panel is open, for what a person does in it. */
const DEEDS_BYTES = 3.1875 * 1024;
/** Of each part that only those pages fetch that want it, or where something arrives. */
const LATE_BYTES = 1_536;
/** Of the preferences, beside the core. */
const PREFERENCES_BYTES = 10_752;

beforeAll(() => execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT }), 180_000);

const text = (file: string): string => readFileSync(join(ROOT, "dist", file), "utf8");

/** The file and all of ours that it imports; with `late`, all that it may ever import too. */
function closure(file: string, late = false, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const imports = late
    ? /(?:from|import)\s?\(?["'`]\.\/([\w.-]+\.js)["'`]/g
    : /from\s?["']\.\/([\w.-]+\.js)["']/g;
  for (const [, other] of text(file).matchAll(imports)) closure(other as string, late, found);
  return found;
}

/** What a page's bundler takes of it: all but the comment that says where its map is. */
const code = (file: string): string => text(file).replace(/^\/\/# sourceMappingURL=.*$/m, "");

const zipped = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + gzipSync(code(file), { level: 9 }).length, 0);

const without = (files: Iterable<string>, others: Set<string>): string[] =>
  [...files].filter((file) => !others.has(file));

describe("the package", () => {
  it("has a core within 5.1 KiB, and an element within 14.1 beside it, half of which are its bell", () => {
    const core = closure("index.js");
    const beside = (files: Iterable<string>): number => zipped(without(files, core));
    const sizes = {
      core: zipped(core),
      bell: beside(closure("inbox.js")),
      element: beside(closure("panel.js", false, closure("inbox.js"))),
      all: zipped(without(closure("inbox.js", true), closure("index.js", true))),
      preferences: beside(closure("preferences.js")),
      react: beside(closure("react.js")),
    };
    console.info(`zipped, all but the core beside it: ${JSON.stringify(sizes)}`);

    expect(sizes.core).toBeLessThanOrEqual(CORE_BYTES);
    expect(sizes.bell).toBeLessThanOrEqual(BELL_BYTES);
    expect(sizes.element).toBeLessThanOrEqual(ELEMENT_BYTES);
    expect(sizes.preferences).toBeLessThan(PREFERENCES_BYTES);
  });

  it("leaves to those who want it each of what else there is", () => {
    const early = closure("panel.js", false, closure("inbox.js"));
    const late = without(without(closure("inbox.js", true), early), closure("index.js", true));
    const words = without(
      without(closure("preferences.js", true), closure("preferences.js")),
      closure("index.js", true),
    );

    expect(words.sort()).toEqual(["ar", "de", "es", "fr"].map((language) => `preferences-${language}.js`));
    expect(late.map((file) => file.replace(".js", "")).sort()).toEqual([
      "ar",
      "catalog",
      "de",
      "deeds",
      "es",
      "fr",
      "kinds",
      "reach",
      "toasts",
    ]);
    for (const file of [...late, ...words])
      expect(zipped([file]), file).toBeLessThan(file === "deeds.js" ? DEEDS_BYTES : LATE_BYTES);
  });

  it("has neither element bring the other along", () => {
    const whole = (entry: string): string => [...closure(entry, true)].map(text).join();

    expect(whole("inbox.js")).not.toContain('bellhop-preferences",');
    expect(whole("inbox.js")).not.toContain("tracking");
    expect(whole("preferences.js")).not.toContain("bellhop-toast");
    expect(whole("preferences.js")).not.toContain("bellhop-inbox");
  });

  it("holds what it needs and nothing else", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "ignore"],
      }).toString(),
    );
    const files: string[] = packed.files.map((file: { path: string }) => file.path);

    for (const needed of [
      "package.json",
      "README.md",
      "LICENSE",
      "dist/index.js",
      "dist/react.js",
      "dist/preferences.js",
      "dist/inbox.js",
      "dist/types/index.d.ts",
      "dist/types/react.d.ts",
      "dist/types/inbox/index.d.ts",
      "dist/types/preferences/index.d.ts",
    ])
      expect(files).toContain(needed);
    expect(files.filter((file) => !/^(dist|src)\/|^(package\.json|README\.md|LICENSE)$/.test(file))).toEqual(
      [],
    );
  });

  it("offers in its exports only files that are there", () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

    for (const target of Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? entry : Object.values(entry as object),
    ))
      expect(() => readFileSync(join(ROOT, target)), target).not.toThrow();
  });

  it("can be imported as built, by a page's server too", () => {
    const script = `
      const core = await import("@bellhop/client");
      const acts = await import("@bellhop/client/acts");
      const react = await import("@bellhop/client/react");
      const inbox = await import("@bellhop/client/inbox");
      const settings = await import("@bellhop/client/preferences");
      console.log(typeof core.connect, typeof acts.snooze, typeof react.useInbox, typeof inbox.BellhopInbox);
      console.log(typeof react.usePreferences, typeof settings.BellhopPreferences);
    `;

    expect(execFileSync("node", ["--input-type=module", "-e", script], { cwd: ROOT }).toString().trim()).toBe(
      "function function function function\nfunction function",
    );
  });

  it("is as published what it is as written, but for the names that are the core's own", async () => {
    const server = await gateway();
    server.emit("user:ann", "one");
    server.emit("user:ann", "two");
    const { connect }: typeof import("../src/index.ts") = await import(join(ROOT, "dist/index.js"));
    const inbox = connect({ url: server.url, token: token("ann"), pageSize: 1, share: false });
    atEnd(() => inbox.close());
    const titles = (): string[] => inbox.getSnapshot().items.map((n) => n.title);
    const arrived: string[] = [];
    inbox.onArrival((news) => arrived.push(...news.map((n) => n.title)));

    await eventually(() => expect(titles()).toEqual(["two"]));
    inbox.loadMore();
    await eventually(() => expect(titles()).toEqual(["two", "one"]));
    const three = server.emit("user:ann", "three");
    await eventually(() => expect([...arrived, ...titles()]).toEqual(["three", "three", "two", "one"]));
    inbox.read(three.id);
    await eventually(() => expect(server.asked).toContainEqual(["read", { ids: [three.id] }]));
    await eventually(() => expect(inbox.getSnapshot().unread).toBe(2));
    inbox.setFilter({ unread: true });
    await eventually(() => expect(titles()).toEqual(["two"]));
    inbox.readAll();
    await eventually(() => expect([inbox.getSnapshot().unread, ...titles()]).toEqual([0]));
    for (const file of readdirSync(join(ROOT, "dist")).filter((name) => name.endsWith(".js")))
      expect(code(file), file).not.toMatch(/[.,{]_[a-z]\w*\b/);
  });

  it("has types that a strict project compiles against", () => {
    execFileSync("npx", ["tsc", "-p", join(ROOT, "test/consumer")], { cwd: ROOT });
  }, 180_000);
});
