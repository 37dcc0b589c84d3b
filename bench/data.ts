// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A body of data of one kind, found on this machine. */
export interface Corpus {
  name: "binary" | "libraries" | "text"
  bytes: Uint8Array
}

/** The data that every benchmark uses: the node binary, shared libraries, text of installed packages. */
export function corpora(bytesEach = 8 << 20): Corpus[] {
  const modules = join(packageFolder, "node_modules")
  const libraries = gather(
    ["/usr/lib", "/lib", "/System/Library", modules],
    /\.(so|dylib|node)(\.[\d.]+)?$/,
    bytesEach,
  )
  return [
    { name: "binary", bytes: head(process.execPath, bytesEach) },
    { name: "libraries", bytes: libraries.length ? libraries : head(process.execPath, bytesEach) },
    { name: "text", bytes: gather([modules], /\.(js|ts|md|json|mjs|cjs)$/, bytesEach) },
  ]
}

/** The folder of package.json, found from the source tree as from the compiled one. */
export const packageFolder = findPackage()

function findPackage(): string {
  for (let url = new URL("./", import.meta.url); ; url = new URL("../", url)) {
    try {
      statSync(new URL("package-lock.json", url))
      return fileURLToPath(url)
    } catch {
      if (url.pathname === "/") throw new Error("package-lock.json not found")
    }
  }
}

function head(path: string, length: number): Uint8Array {
  return readFileSync(path).subarray(0, length)
}

/** The first `length` bytes of all files below the folders whose names match, in a stable order. */
function gather(folders: string[], name: RegExp, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let used = 0
  const seen = new Set<string>()
  const visit = (folder: string): void => {
    let names: string[]
    try {
      names = readdirSync(folder).sort()
    } catch {
      return
    }
    for (const entry of names) {
      if (used === length) return
      try {
        const path = realpathSync(join(folder, entry))
        if (seen.has(path)) continue
        seen.add(path)
        const stat = statSync(path)
        if (stat.isDirectory()) visit(path)
        else if (stat.isFile() && name.test(entry)) {
          const piece = readFileSync(path).subarray(0, length - used)
          out.set(piece, used)
          used += piece.length
        }
      } catch {
        // Unreadable or dangling: not needed.
      }
    }
  }
  for (const folder of folders) visit(folder)
  return out.subarray(0, used)
}
