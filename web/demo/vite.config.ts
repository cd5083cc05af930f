import { compile } from "svelte/compiler";
import { defineConfig } from "vite";

/** The one component of Svelte's; its styles are the page's. */
const svelte = {
  name: "svelte",
  transform(code: string, id: string) {
    if (!id.endsWith(".svelte")) return null;
    const { js } = compile(code, { filename: id, generate: "client", css: "external" });
    return { code: js.code, map: js.map };
  },
};

export default defineConfig({
  // Relative: the gateway may stand under a path.
  base: "./",
  plugins: [svelte],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
  resolve: { conditions: ["bellhop-source", "module", "browser", "production"] },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    outDir: "../../gateway/pages/demo",
    emptyOutDir: true,
    // The gateway's Content-Security-Policy allows no data: addresses and no inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: {
      input: { index: "index.html", theming: "theming.html", adapters: "adapters.html" },
    },
  },
});
