// SPDX-License-Identifier: MIT
// Puts the command line and its threads, which tsc has compiled file by file, together in a few files in their place:
// loading a hundred modules takes Node longer than many a command does. Nothing is minified, for the sake of stack
// traces. What only some commands need stays apart and is loaded by them.
import { fileURLToPath } from "node:url"
import { build } from "rolldown"

/** The program, and what it starts as threads. */
const entries = ["main", "content-worker", "extract-worker"]

await build({
  cwd: fileURLToPath(new URL("../", import.meta.url)),
  input: Object.fromEntries(entries.map((name) => [name, `dist/cli/${name}.js`])),
  platform: "node",
  logLevel: "warn",
  output: {
    dir: "dist/cli",
    format: "esm",
    // By then all of it has been read.
    cleanDir: true,
    chunkFileNames: "[name].js",
    comments: { legal: true, annotation: false, jsdoc: false },
  },
})
