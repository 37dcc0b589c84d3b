// SPDX-License-Identifier: MIT
// Removes from dist what an earlier build left there: files whose source is no more. The build writes over the others,
// so that what runs from dist meanwhile finds them.
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const dist = fileURLToPath(new URL("../dist/", import.meta.url))
const src = fileURLToPath(new URL("../src/", import.meta.url))
/** Folders of bundles, which are cleaned when those are made, and files that are no compiled modules. */
const others = /^(browser|cli)[/\\]|^wasm[/\\]core\.(shared|plain)\.wasm$/
const compiled = /(\.d\.ts|\.js|\.js\.map)$/

for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
  if (!entry.isFile()) continue
  const file = relative(dist, join(entry.parentPath, entry.name))
  if (others.test(file)) continue
  if (!compiled.test(file) || !existsSync(join(src, file.replace(compiled, ".ts")))) rmSync(join(dist, file))
}
