// SPDX-License-Identifier: MIT
// Writes dist/browser/erofs-wasm.js: the package with its one dependency in one minified file, for pages that have no
// bundler and no import map. The two builds of the core stay files of their own; a page loads the one it needs.
import { fileURLToPath } from "node:url"
import { build } from "rolldown"

const root = fileURLToPath(new URL("../", import.meta.url))

await build({
  cwd: root,
  input: { "erofs-wasm": "dist/index.browser.js" },
  platform: "browser",
  logLevel: "warn",
  // What writes archives is in the one file, though elsewhere it is loaded when it is wanted.
  checks: { ineffectiveDynamicImport: false },
  output: {
    dir: "dist/browser",
    format: "esm",
    minify: true,
    cleanDir: true,
    chunkFileNames: "[name].js",
    comments: { legal: true },
  },
})
