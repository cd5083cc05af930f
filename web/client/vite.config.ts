import { minify } from "vite";
import { defineConfig } from "vitest/config";

/** The tests run once against each end of the range of socket.io-client that the package allows. */
const against = (version: string, client: string, exclude: string[]) => ({
  extends: true as const,
  resolve: { alias: { "socket.io-client": client } },
  test: { name: `socket.io-client ${version}`, include: ["test/*.test.{ts,tsx}"], exclude },
});

/** The style sheets are texts, whose white space and comments no minifier of scripts takes out. */
const squeezed = {
  name: "squeeze-style-sheets",
  transform(code: string, id: string) {
    if (!id.includes("/src/") || !/const (STYLE|LOOK) = `/.test(code)) return null;
    const squeeze = (_: string, start: string, css: string): string => {
      const bare = css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\s*([{};,>]|\n)\s*/g, "$1");
      return `${start}${bare.replace(/\n|;(?=})/g, "").replace(/: /g, ":")}\``;
    };
    return { code: code.replace(/(const (?:STYLE|LOOK) = `)([^`]*)`/, squeeze), map: null };
  },
};

/** The element holds all that it needs but the core: what two files share is zipped apart from both. */
const core = {
  name: "core",
  enforce: "pre" as const,
  resolveId: (id: string) => (id === "../index.ts" ? { id: "./index.js", external: true } : null),
};

/** The words of either element are files by the name of their language. */
const named = ({ facadeModuleId }: { facadeModuleId?: string | null }): string =>
  facadeModuleId?.includes("/preferences/") ? "preferences-[name].js" : "[name].js";

/**
 * Shortens the names that begin with `_`: what the core's modules have of each other, and nobody else reads. Other minifiers
 * cannot know that of a property. It goes before the minifier, whose own option for it takes one file only.
 */
const shortened = {
  name: "shorten-inner-names",
  renderChunk: (code: string, { name, fileName }: { name: string; fileName: string }) =>
    name === "index"
      ? minify(fileName, code, {
          module: true,
          compress: false,
          mangle: false,
          mangleProps: { include: /^_[a-z]/ },
          sourcemap: true,
        })
      : null,
};

const FILES = {
  index: "src/index.ts",
  acts: "src/acts.ts",
  react: "src/react.ts",
  vue: "src/vue.ts",
  svelte: "src/svelte.ts",
  preferences: "src/preferences/index.ts",
};

export default defineConfig(({ mode }) => ({
  plugins: mode === "element" ? [core, squeezed] : [squeezed, shortened],
  build: {
    target: "es2022",
    sourcemap: true,
    minify: true,
    emptyOutDir: mode !== "element",
    lib: { entry: mode === "element" ? { inbox: "src/inbox/index.ts" } : FILES, formats: ["es"] },
    rolldownOptions: {
      external: ["socket.io-client", "react", "vue"],
      // What the others share is the first entry itself, not a file behind all three.
      preserveEntrySignatures: "allow-extension",
      // In library mode Vite keeps the white space of ES modules.
      output: { minify: true, comments: { annotation: false }, chunkFileNames: named },
    },
  },
  test: {
    environment: "node",
    pool: "threads",
    // They wait more than they reckon: for a return, a second, a frame.
    maxWorkers: 6,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Where a failure costs a landing, one that does not come again is told ("retry x1") and costs nothing.
    retry: process.env.CI ? 1 : 0,
    projects: [
      against("4.8", "socket.io-client", []),
      // What is published, and what is drawn, does not depend on the version beside it.
      against("4.0", "socket.io-client-4.0", [
        "test/{package,element,deeds,notice,reach,frameworks,react,grid,preferences}.test.{ts,tsx}",
      ]),
    ],
  },
}));
