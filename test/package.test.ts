// SPDX-License-Identifier: MIT
/** What the package promises, and which way imports go. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

describe("package.json", () => {
  it("says what the package is", () => {
    expect(manifest).toMatchObject({ name: "erofs-wasm", license: "MIT", type: "module" })
    // These entries set what they import: the writer of archives, and for workerd the core.
    expect(manifest.sideEffects).toEqual([
      "./dist/index.browser.js",
      "./dist/index.node.js",
      "./dist/index.workerd.js",
    ])
    expect(readFileSync(join(root, "LICENSE"), "utf8")).toMatch(/^MIT License/)
    expect(manifest.engines).toEqual({ node: ">=20.19" })
    expect(manifest.files).toEqual(["dist", "README.md", "LICENSE", "docs"])
  })

  it("needs nothing at run time but the hash", () => {
    expect(Object.keys(manifest.dependencies)).toEqual(["xxhash-wasm"])
    expect(manifest.peerDependencies ?? {}).toEqual({})
    expect(manifest.optionalDependencies ?? {}).toEqual({})
  })

  /** The source of a file of dist. */
  function sourceOf(target: string): string {
    // A bundle of it; test/size.test.ts makes the like.
    if (target.startsWith("./dist/browser/")) return "src/index.ts"
    if (target.endsWith(".wasm")) return target.replace("./dist/wasm/", "build/")
    return target.replace("./dist/", "src/").replace(/(\.d)?\.(js|ts)$/, ".ts")
  }

  it("exports what is built", () => {
    expect(Object.keys(manifest.exports["."])).toEqual([
      "types",
      "workerd",
      "node",
      "deno",
      "bun",
      "browser",
      "default",
    ])
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target as Record<string, string>),
    )
    for (const target of targets) {
      const file = target === "./package.json" ? target : sourceOf(target)
      expect([target, existsSync(join(root, file))]).toEqual([target, true])
    }
  })
})

/** Files below a folder, as paths from the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => normalize(join(entry.parentPath ?? entry.path, entry.name)).slice(normalize(root).length))
}

/** Local files that a file imports. `withTypes` counts imports that vanish when types are erased. */
function importsOf(file: string, withTypes: boolean): string[] {
  const text = readFileSync(join(root, file), "utf8")
  const found: string[] = []
  for (const [, clause, target] of text.matchAll(/^(?:import|export) ([^;]*?)from "(\.[^"]*)"/gms)) {
    const isErased =
      (clause as string).startsWith("type ") || /^\{(\s*type \w+( as \w+)?,?)+\s*\}/.test(clause as string)
    if ((!withTypes && isErased) || target?.endsWith(".wasm")) continue
    found.push(`${join(dirname(file), target as string).replace(/\.js$/, "")}`.replace(/(\.ts)?$/, ".ts"))
  }
  return found
}

/** A circle of imports, if there is one. */
function findCircle(files: string[], withTypes: boolean): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, trail: string[]): string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const next of importsOf(file, withTypes)) {
      const circle = visit(next, [...trail, file])
      if (circle) return circle
    }
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const circle = visit(file, [])
    if (circle) return circle
  }
  return undefined
}

describe("imports", () => {
  const src = filesBelow("src")
  const core = filesBelow("assembly")

  it("are found, and lead to files", () => {
    expect(importsOf("src/index.ts", true).length).toBeGreaterThan(10)
    for (const file of [...src, ...core]) {
      for (const target of importsOf(file, true))
        expect([file, target, existsSync(join(root, target))]).toEqual([file, target, true])
    }
  })

  it("go in no circles", () => {
    expect(findCircle(core, true)).toBeUndefined()
    expect(findCircle(src, true)).toBeUndefined()
  })

  const leaves = ["src/errors.ts", "src/status.ts", "src/options.ts"]
  it.each(src.filter((file) => /^src\/(format|source)\//.test(file) || leaves.includes(file)))(
    "of %s stay below",
    (file) => {
      const folder = leaves.includes(file) ? undefined : dirname(file)
      const others = importsOf(file, true).filter(
        (target) => dirname(target) !== folder && !leaves.includes(target),
      )
      expect(others).toEqual([])
    },
  )

  it("go downwards: layers know nothing of those above", () => {
    const layers = [
      ["src/cli/"],
      ["src/index.ts", "src/index.browser.ts", "src/index.node.ts", "src/index.workerd.ts"],
      ["src/pool.ts"],
      ["src/mount.ts", "src/image.ts"],
      ["src/tar/"],
      [
        "src/file.ts",
        "src/view.ts",
        "src/mapping.ts",
        "src/walk.ts",
        "src/describe.ts",
        "src/fingerprints.ts",
      ],
      ["src/filesystem.ts"],
      ["src/paths.ts", "src/xattrs.ts", "src/directory.ts", "src/inodes.ts"],
      ["src/verify.ts", "src/description.ts"],
      ["src/hash.ts"],
      ["src/read.ts"],
      ["src/fill.ts", "src/failure.ts", "src/content.ts", "src/engine.ts"],
      ["src/devices.ts", "src/drive.ts", "src/core.ts"],
      ["src/slot.ts"],
      ["src/content-description.ts", "src/core-exports.ts", "src/page.ts"],
      ["src/wasm/"],
    ]
    const layerOf = (file: string) =>
      layers.findIndex((layer) => layer.some((prefix) => file.startsWith(prefix)))
    const upwards = src.flatMap((file) => {
      const from = layerOf(file)
      if (from < 0) return []
      return importsOf(file, true)
        .filter((target) => layerOf(target) >= 0 && layerOf(target) < from)
        .map((target) => [file, target])
    })
    expect(upwards).toEqual([])
  })

  it("of the core: fill uses map, codec, pool and hash; those do not know it; hash stands alone", () => {
    const allowed: Record<string, RegExp> = {
      "assembly/hash": /^assembly\/hash\//,
      "assembly/pool": /^assembly\/(pool\/|hash\/|layout|bits|status)/,
      "assembly/map": /^assembly\/(map\/|pool\/|layout|bits|status|slot)/,
      "assembly/codec": /^assembly\/(codec\/|hash\/|bits|status)/,
      "assembly/fill": /^assembly\/(fill\/|map\/|pool\/|codec\/|hash\/|layout|bits|status|slot)/,
    }
    const wrong = core.flatMap((file) => {
      const rule = allowed[dirname(file)]
      return rule
        ? importsOf(file, true)
            .filter((target) => !rule.test(target))
            .map((target) => [file, target])
        : []
    })
    expect(wrong).toEqual([])
  })

  it("of node: are in Node's own files only", () => {
    const users = src.filter((file) => /from "node:/.test(readFileSync(join(root, file), "utf8")))
    expect(
      users.filter(
        (file) =>
          !["src/source/file.ts", "src/source/directory-store.ts"].includes(file) &&
          !file.startsWith("src/cli/"),
      ),
    ).toEqual([])
  })
})

it("every file says its licence", () => {
  for (const file of [...filesBelow("src"), ...filesBelow("assembly"), ...filesBelow("test")]) {
    if (file.startsWith("src/wasm/generated/")) continue
    const [first, second] = readFileSync(join(root, file), "utf8").split("\n")
    expect([file, first?.startsWith("#!") ? second : first]).toEqual([
      file,
      "// SPDX-License-Identifier: MIT",
    ])
  }
})
