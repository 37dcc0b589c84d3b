// SPDX-License-Identifier: MIT
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** Throws unless dist was built from the sources as they are: for tests of what users get. */
export function requireBuilt(): void {
  const built = statSync(join(root, "dist/browser/erofs-wasm.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const newest = ["src", "assembly"].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("generated"))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )
  if (Math.max(...newest) > built) throw new Error("dist is older than the sources: npm run build")
}
