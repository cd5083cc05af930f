/** Builds `single.js`, with the client as it is published, into one classic script: `node single.mjs FOLDER`. */

import { build } from "vite";

await build({
  configFile: false,
  logLevel: "warn",
  root: import.meta.dirname,
  build: {
    outDir: process.argv[2],
    lib: { entry: "single.js", formats: ["iife"], name: "single", fileName: () => "single.js" },
  },
});
