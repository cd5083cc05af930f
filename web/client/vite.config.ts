import { defineConfig } from "vitest/config";

/** The tests run once against each end of the range of socket.io-client that the package allows. */
const against = (version: string, client: string, exclude: string[]) => ({
  extends: true as const,
  resolve: { alias: { "socket.io-client": client } },
  test: { name: `socket.io-client ${version}`, include: ["test/*.test.{ts,tsx}"], exclude },
});

export default defineConfig({
  build: {
    target: "es2022",
    sourcemap: true,
    minify: true,
    lib: {
      entry: {
        index: "src/index.ts",
        react: "src/react.ts",
        inbox: "src/inbox/index.ts",
        preferences: "src/preferences/index.ts",
      },
      formats: ["es"],
    },
    rolldownOptions: {
      external: ["socket.io-client", "react"],
      // What the others share is the first entry itself, not a file behind all three.
      preserveEntrySignatures: "allow-extension",
      // In library mode Vite keeps the white space of ES modules.
      output: { minify: true, comments: { annotation: false } },
    },
  },
  test: {
    environment: "node",
    pool: "threads",
    // They wait more than they reckon: for a return, a second, a frame.
    maxWorkers: 6,
    testTimeout: 30_000,
    projects: [
      against("4.8", "socket.io-client", []),
      // What is published, and what is drawn, does not depend on the version beside it.
      against("4.0", "socket.io-client-4.0", [
        "test/{package,element,notice,react,grid,preferences}.test.{ts,tsx}",
      ]),
    ],
  },
});
