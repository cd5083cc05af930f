import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** What the page of types links to: where there is no catalog, one is about to be written. */
const documentation: Plugin = {
  name: "documentation",
  generateBundle() {
    const source = readFileSync(new URL("../../docs/catalog.md", import.meta.url));
    this.emitFile({ type: "asset", fileName: "catalog.txt", source });
  },
};

export default defineConfig({
  // Relative: the gateway may stand under a path.
  base: "./",
  plugins: [react(), documentation],
  resolve: { conditions: ["bellhop-source", "module", "browser", "production"] },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    outDir: "../../gateway/pages/dashboard",
    emptyOutDir: true,
    // The gateway's Content-Security-Policy allows no inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  test: { environment: "node", include: ["test/*.test.ts"] },
});
