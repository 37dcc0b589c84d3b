// SPDX-License-Identifier: MIT
/** The packed package in Node 20, 22 and 24, Deno and Bun: imported, type-checked, mounted, read. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, inject, it } from "vitest"
import * as everywhere from "../../src/index.node.js"
import { readManifest } from "../support/flat-image.js"
import { need } from "./need.js"
import { run, runAll, tool } from "./scratch.js"

const app = inject("app")
const manifest = readManifest("lz4.json")
const DIGESTS = Object.fromEntries(
  Object.entries(manifest).flatMap(([path, { type, sha256 }]) => (type === "file" ? [[path, sha256]] : [])),
)
const TEXT = manifest["/text-300k"]

interface Answer {
  runtime: string
  names: string[]
  sync: { names: number; size: number; pieces: number; isDisposable: boolean }
  file: { found: Record<string, string>; isShared: boolean; framesPinned: number }
  buffer: Answer["file"]
  blob: Answer["file"]
  apisShared: { found: Record<string, string>; isSharedView: boolean }
  apisPlain: Answer["apisShared"]
}

const node = (name: string) =>
  process.version.startsWith(`v${name.slice(4)}.`) ? process.execPath : tool(name, "bin/node")
const RUNTIMES: [string, string, string, string[], RegExp][] = [
  ["Node, this one", "", process.execPath, [], /^v\d+/],
  ["Node 22", "node22", node("node22"), [], /^v22\./],
  ["Node 24", "node24", node("node24"), [], /^v24\./],
  // No right but to read the folder: nothing is asked of the environment or the network.
  ["Deno", "deno", tool(".bin/deno"), ["run", "--no-prompt", "--allow-read=."], /^2\./],
  ["Bun", "bun", tool(".bin/bun"), ["run"], /^1\./],
]

describe.each(RUNTIMES)("in %s", (_title, name, command, args, version) => {
  it("the package is imported, mounts and reads, by every source", (context) => {
    need(context, name)
    const answer: Answer = JSON.parse(run(command, [...args, "main.js"], app))
    expect(answer.runtime).toMatch(version)
    expect(answer.names.sort()).toEqual(Object.keys(everywhere).sort())
    expect(answer.sync).toEqual({
      names: Object.keys(manifest).length - 1,
      size: TEXT?.size,
      pieces: 2,
      isDisposable: true,
    })
    expect(answer.file).toEqual({ found: DIGESTS, isShared: true, framesPinned: 0 })
    expect(answer.buffer).toEqual({ found: DIGESTS, isShared: false, framesPinned: 0 })
    expect(answer.blob).toEqual({ found: DIGESTS, isShared: true, framesPinned: 0 })
    for (const { found } of [answer.apisShared, answer.apisPlain]) {
      expect(Object.keys(found).length).toBeGreaterThan(10)
      expect(found).toEqual(Object.fromEntries(Object.keys(found).map((api) => [api, TEXT?.sha256])))
    }
    expect([answer.apisShared.isSharedView, answer.apisPlain.isSharedView]).toEqual([true, false])
  })

  it("workers read through one pool, and one that is ended leaves nothing held", (context) => {
    need(context, name)
    const answer = JSON.parse(run(command, [...args, "threads.js"], app))
    expect(answer).toMatchObject({ attached: [true, true], framesPinned: 0, framesBusy: 0 })
    expect(answer.first.answers).toEqual(DIGESTS)
    expect(answer.second.answers).toEqual(DIGESTS)
    expect(answer.here.answers).toEqual(DIGESTS)
    expect(answer.together.answers).toEqual([DIGESTS, DIGESTS, DIGESTS])
    expect(answer.first.pagesFilled).toBeGreaterThan(100)
    // What one has brought in is there for the others, and what all want at once is brought in once.
    expect([answer.second.pagesFilled, answer.here.pagesFilled]).toEqual([0, 0])
    expect(answer.together.pagesFilled).toBe(answer.first.pagesFilled)
    expect(answer.pinned).toBeGreaterThan(0)
  })

  it("its command line lists an image, and says nothing else", (context) => {
    need(context, name)
    const main = "node_modules/erofs-wasm/dist/cli/main.js"
    const rights = name === "deno" ? ["run", "--no-prompt", "--allow-read", "--allow-env"] : args
    const listing = [...rights, main, "ls", "images/four-algorithms.erofs", "/"]
    const { stdout, stderr } = runAll(command, listing, app)
    expect(stdout.trim().split("\n")).toContain("text-300k")
    expect(stderr).toBe("")
  })
})

describe("the README's program for", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
  const block = (language: string) => readme.split(`\`\`\`${language}\n`)[1]?.split("```")[0] as string

  it("Node reads and maps", () => {
    writeFileSync(
      join(app, "ten-lines.js"),
      block("js").replace("test/fixtures/images/lz4-legacy", "images/four-algorithms"),
    )
    const told = run(process.execPath, ["ten-lines.js"], app)
    expect(told).toContain("/text-300k\n")
    expect(told).toMatch(/^64 30\d{4}$/m)
  })

  const rights = { deno: ["run", "--no-prompt", "--allow-read=."], bun: ["run"] }
  for (const [name, args] of Object.entries(rights)) {
    it(`${name} lists and reads`, (context) => {
      need(context, name)
      writeFileSync(join(app, "list.ts"), block("ts"))
      const told = run(tool(".bin", name), [...args, "list.ts", "images/aurora-1.0.erofs"], app)
      expect(told).toContain("/etc/os-release\n")
      expect(told).toContain('PRETTY_NAME="Aurora 1.0"')
    })
  }
})

it("in Node, require() finds it too", (context) => {
  need(context, "node22")
  const program = 'console.log(typeof require("erofs-wasm").PagePool.create)'
  expect(run(node("node22"), ["--no-warnings", "-e", program], app).trim()).toBe("function")
})

const OWN_TSC = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url))

const TSC_5 = tool("typescript5/bin/tsc")

describe.each([
  ["TypeScript 7", OWN_TSC, "", "nodenext", "nodenext"],
  ["TypeScript 7", OWN_TSC, "", "esnext", "bundler"],
  ["TypeScript 5.9", TSC_5, "typescript5", "nodenext", "nodenext"],
  ["TypeScript 5.9", TSC_5, "typescript5", "esnext", "bundler"],
])("the types hold for %s", (title, tsc, name, module, moduleResolution) => {
  it(`as ${module} modules, resolved as ${moduleResolution}, the libraries checked too`, (context) => {
    need(context, name)
    const compilerOptions = {
      target: "es2022",
      lib: ["es2022", "dom", "dom.asynciterable", "esnext.disposable"],
      module,
      moduleResolution,
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
    }
    const config = join(app, `tsconfig.${title.replace(" ", "-")}.${moduleResolution}.json`)
    writeFileSync(config, JSON.stringify({ compilerOptions, files: ["types.ts"] }))
    expect(run(process.execPath, [tsc, "-p", config], app)).toBe("")
  })
})

it("the types hold for Node's own types, without those of pages", (context) => {
  need(context, "@types/node")
  const compilerOptions = {
    target: "es2022",
    lib: ["es2022", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  }
  writeFileSync(join(app, "tsconfig.node.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }))
  expect(run(process.execPath, [OWN_TSC, "-p", "tsconfig.node.json"], app)).toBe("")
})

it("the types hold for Deno", (context) => {
  need(context, "deno")
  run(tool(".bin/deno"), ["check", "types.ts"], app)
})

it("the package has what it needs, and nothing else", () => {
  const root = join(app, "node_modules/erofs-wasm")
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  const tops = new Set(files.map((file) => file.split("/")[0]))
  expect([...tops].sort()).toEqual(["LICENSE", "README.md", "dist", "docs", "package.json"])
  const isForeign = (file: string) =>
    file.split("/").some((part) => /^(test|bench|assembly)$|\.test\.|\.tgz$/.test(part))
  expect(files.filter(isForeign)).toEqual([])
  expect(
    readdirSync(join(app, "node_modules"))
      .filter((entry) => !entry.startsWith("."))
      .sort(),
  ).toEqual(["erofs-wasm", "xxhash-wasm"])
})
