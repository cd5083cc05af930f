import { defineConfig } from "vite";

export default defineConfig({
  // Relative: the gateway may stand under a path.
  base: "./",
  resolve: { conditions: ["bellhop-source", "module", "browser", "production"] },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    outDir: "../../gateway/pages/demo",
    emptyOutDir: true,
    // The gateway's Content-Security-Policy allows no data: addresses and no inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
});
