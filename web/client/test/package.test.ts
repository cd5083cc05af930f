/** What is published: its files, its size, and that what was built can be imported. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, it } from "vitest";
import { expect } from "./support.ts";

const ROOT = join(import.meta.dirname, "..");
const CORE_BYTES = 5 * 1024;
/** Of the element, beside the core. */
const ELEMENT_BYTES = 15_616;
/** Of what only those pages fetch that want it: a language, the tabs by category, or the ways to who does not look. */
const LATE_BYTES = 1_536;
/** Of the preferences, beside the core. */
const PREFERENCES_BYTES = 10_752;

beforeAll(() => execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT }), 180_000);

/** The file and all of ours that it imports. */
function closure(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(ROOT, "dist", file), "utf8");
  for (const [, other] of text.matchAll(/from\s?["']\.\/([\w.-]+\.js)["']/g)) closure(other as string, found);
  return found;
}

/** What a page's bundler takes of it: all but the comment that says where its map is. */
const code = (file: string): string =>
  readFileSync(join(ROOT, "dist", file), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");

const zipped = (entry: string): number =>
  [...closure(entry)].reduce((sum, file) => sum + gzipSync(code(file), { level: 9 }).length, 0);

describe("the package", () => {
  it("has a core within 5 KiB and an element within 15.25 beside it, zipped", () => {
    const sizes = Object.fromEntries(
      ["index.js", "react.js", "inbox.js", "preferences.js"].map((entry) => [entry, zipped(entry)]),
    );
    console.info(`zipped, with what they share: ${JSON.stringify(sizes)}`);

    expect(sizes["index.js"]).toBeLessThanOrEqual(CORE_BYTES);
    const beside = (entry: string): number => (sizes[entry] as number) - (sizes["index.js"] as number);
    expect(beside("inbox.js")).toBeLessThan(ELEMENT_BYTES);
    expect(beside("preferences.js")).toBeLessThan(PREFERENCES_BYTES);
  });

  it("leaves to those who want it each of what else there is", () => {
    const text = readFileSync(join(ROOT, "dist", "inbox.js"), "utf8");
    const late = [...text.matchAll(/import\(["'`]\.\/([\w.-]+\.js)["'`]\)/g)].map(
      ([, file]) => file as string,
    );

    expect(late.map((file) => file.replace(".js", "")).sort()).toEqual([
      "ar",
      "catalog",
      "de",
      "es",
      "fr",
      "kinds",
      "reach",
    ]);
    for (const file of late) expect(gzipSync(code(file), { level: 9 }).length).toBeLessThan(LATE_BYTES);
  });

  it("has neither element bring the other along", () => {
    const text = (entry: string): string =>
      [...closure(entry)].map((file) => readFileSync(join(ROOT, "dist", file), "utf8")).join();

    expect(text("inbox.js")).not.toContain('bellhop-preferences",');
    expect(text("inbox.js")).not.toContain("quiet_hours");
    expect(text("preferences.js")).not.toContain("bellhop-toast");
    expect(text("preferences.js")).not.toContain("bellhop-inbox");
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

  it("has types that a strict project compiles against", () => {
    execFileSync("npx", ["tsc", "-p", join(ROOT, "test/consumer")], { cwd: ROOT });
  }, 180_000);
});
