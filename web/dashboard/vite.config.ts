import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative: the gateway may stand under a path.
  base: "./",
  plugins: [react()],
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
