// SPDX-License-Identifier: MIT
/** Images that try to write outside of the target, or over what is there. */
import { execFileSync } from "node:child_process"
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { type BuildNode, directory, file, special, symlink } from "../support/build-image.js"
import { type CliResult, cli, imageFile, namesBelow, scratch } from "../support/cli.js"

vi.setConfig({ testTimeout: 60_000 })

/** Holds a directory that must stay as it is beside the target. */
let box: string
let target: string

beforeEach(() => {
  box = scratch()
  target = join(box, "target")
  mkdirSync(join(box, "outside"))
  writeFileSync(join(box, "outside", "precious"), "untouched")
})

/** Extracts, and makes sure that nothing but the target changed. */
async function attack(root: BuildNode, ...options: string[]): Promise<CliResult> {
  const result = await cli(["extract", imageFile(root), target, ...options])
  expect(readdirSync(box).filter((name) => name !== "target")).toEqual(["outside"])
  expect(readdirSync(join(box, "outside"))).toEqual(["precious"])
  expect(readFileSync(join(box, "outside", "precious"), "utf8")).toBe("untouched")
  return result
}

/** Entries in the target below its root. */
const extracted = (): string[] => namesBelow(target).filter((name) => name !== "/")

const bad = (name: string | Uint8Array): BuildNode => directory([[name, file("evil")]])

describe("names that are none", () => {
  it.each([
    ["a slash", "a/b"],
    ["a way up", "../outside/evil"],
    ["an absolute path", "/tmp/erofs-wasm-evil"],
    ["nothing", ""],
    ["a slash alone", "/"],
  ])("%s", async (_, name) => {
    const { code, stderr } = await attack(bad(name))
    expect(code).toBe(1)
    expect(stderr).toContain("EUCLEAN")
    expect(extracted()).toEqual([])
  })

  it.each([".", ".."])("a second '%s'", async (name) => {
    const root = directory([
      [name, file("evil")],
      ["good", file("good")],
    ])
    await attack(root)
    expect(extracted().filter((path) => path !== "/good")).toEqual([])
    expect(lstatSync(target).isDirectory()).toBe(true)
  })

  it("a NUL byte in the middle", async () => {
    const root = directory([
      ["evil\0.txt", file("evil")],
      ["z", file("z")],
    ])
    const { code, stderr } = await attack(root)
    expect(code).toBe(1)
    expect(stderr).toContain("EUCLEAN")
    expect(extracted()).toEqual([])
  })

  it("longer than 255 bytes", async () => {
    const { code } = await attack(bad("x".repeat(300)))
    expect(code).toBe(1)
    expect(extracted()).toEqual([])
  })

  it("of 255 bytes are good", async () => {
    const { code } = await attack(bad("x".repeat(255)))
    expect([code, extracted()]).toEqual([0, [`/${"x".repeat(255)}`]])
  })
})

describe("links", () => {
  it("outwards are made and not followed", async () => {
    const { code } = await attack(directory({ a: symlink("../outside"), b: symlink("/etc"), c: file("c") }))
    expect(code).toBe(0)
    expect(readlinkSync(join(target, "a"))).toBe("../outside")
    expect(extracted()).toEqual(["/a", "/b", "/c"])
  })

  it("followed by a directory of the same name are no way out", async () => {
    const root = directory([
      ["a", symlink("../outside")],
      ["a", directory({ precious: file("evil"), more: file("evil") })],
    ])
    for (const options of [[], ["--overwrite"]]) expect((await attack(root, ...options)).code).toBe(1)
  })

  it("followed by a file of the same name are no way out", async () => {
    const root = directory([
      ["a", symlink("../outside/precious")],
      ["a", file("evil")],
    ])
    for (const options of [[], ["--overwrite"]]) expect((await attack(root, ...options)).code).toBe(1)
  })

  it("in loops are made", async () => {
    const { code } = await attack(directory({ a: symlink("b"), b: symlink("a"), c: symlink("c") }))
    expect([code, extracted()]).toEqual([0, ["/a", "/b", "/c"]])
  })

  it("without a target, or with a NUL byte in it, are damage", async () => {
    const root = directory({ empty: symlink(""), good: symlink("x"), nul: symlink("a\0b") })
    expect((await attack(root)).code).toBe(1)
    expect(extracted()).toEqual(["/good"])
  })

  it("with several names are one link, and what they point to is not touched", async () => {
    const link = symlink("../outside/precious", { mtime: [5n, 0] })
    expect((await attack(directory({ a: link, b: link }))).code).toBe(0)
    const [a, b] = ["a", "b"].map((name) => lstatSync(join(target, name)))
    expect([a?.isSymbolicLink(), a?.ino]).toEqual([true, b?.ino])
    expect(lstatSync(join(box, "outside", "precious")).mtimeMs).toBeGreaterThan(5000)
    expect(lstatSync(join(box, "outside", "precious")).nlink).toBe(1)
  })
})

describe("what is in the target already", () => {
  const root = directory({ d: directory({ f: file("new") }), g: file("new") })

  it("a link at the place of a directory is refused, with --overwrite too", async () => {
    mkdirSync(target)
    symlinkSync("../outside", join(target, "d"))
    for (const options of [[], ["--overwrite"]]) expect((await attack(root, ...options)).code).toBe(1)
    expect(readlinkSync(join(target, "d"))).toBe("../outside")
  })

  it("a link at the place of a file is not written through, but may be replaced", async () => {
    mkdirSync(target)
    symlinkSync("../outside/precious", join(target, "g"))
    expect((await attack(root)).code).toBe(1)
    expect(lstatSync(join(target, "g")).isSymbolicLink()).toBe(true)
    expect((await attack(root, "--overwrite")).code).toBe(0)
    expect(lstatSync(join(target, "g")).isFile()).toBe(true)
  })

  it("a directory at the place of a file is never removed", async () => {
    mkdirSync(join(target, "g", "keep"), { recursive: true })
    for (const options of [[], ["--overwrite"]]) expect((await attack(root, ...options)).code).toBe(1)
    expect(extracted()).toContain("/g/keep")
  })

  it("a file at the place of a directory is refused", async () => {
    mkdirSync(target)
    writeFileSync(join(target, "d"), "mine")
    for (const options of [[], ["--overwrite"]]) expect((await attack(root, ...options)).code).toBe(1)
    expect(readFileSync(join(target, "d"), "utf8")).toBe("mine")
  })

  it("a target that is a link is refused", async () => {
    symlinkSync("outside", target)
    const { code, stderr } = await attack(root)
    expect(code).toBe(1)
    expect(stderr).toContain("is a symbolic link")
  })

  it("a target that is a file is refused", async () => {
    writeFileSync(target, "mine")
    expect((await attack(root)).code).toBe(1)
    expect(readFileSync(target, "utf8")).toBe("mine")
  })
})

describe("trees", () => {
  it("with names twice are damaged", async () => {
    const root = directory([
      ["a", file("1")],
      ["a", file("2")],
    ])
    for (const options of [[], ["--overwrite"]]) {
      const { code, stderr } = await attack(root, ...options)
      expect(code).toBe(1)
      expect(stderr).toContain("EUCLEAN")
    }
  })

  it("whose names differ in case only are extracted where the system can hold them", async () => {
    const { code } = await attack(directory({ A: file("1"), a: file("2") }))
    expect(code === 0 ? extracted() : "refused").toEqual(code === 0 ? ["/A", "/a"] : "refused")
  })

  it("that contain themselves end", async () => {
    const entries: [string, BuildNode][] = []
    const root = directory(entries)
    entries.push(["again", root])
    // The list was copied when the root was made, so the loop has to be closed in it.
    const loop = { ...root, entries: [] as [Uint8Array, BuildNode][] }
    loop.entries.push([Buffer.from("again"), loop])
    const { code, stderr } = await attack(loop)
    expect(code).toBe(1)
    expect(stderr).toContain("met twice")
  })

  it("too deep for the system fail where it does, and the rest is there", async () => {
    let deep = directory({ end: file("x") })
    for (let level = 0; level < 1500; level++) deep = directory({ dd: deep })
    const { code, stderr } = await attack(directory({ deep, good: file("good") }))
    expect(code).toBe(1)
    expect(stderr).toContain("ENAMETOOLONG")
    expect(stderr).toContain("left out")
    expect(readFileSync(join(target, "good"), "utf8")).toBe("good")
    execFileSync("rm", ["-rf", target])
  })
})

describe("content that is not there", () => {
  it("leaves no file, and the others are extracted", async () => {
    const lost = file("x".repeat(5000), { isInline: false, startBlock: 100000 })
    const { code, stderr } = await attack(directory({ a: file("a"), lost, z: file("z") }))
    expect(code).toBe(1)
    expect(stderr).toContain("'/lost': ")
    expect(extracted()).toEqual(["/a", "/z"])
  })

  it("behind a good beginning leaves no file", async () => {
    const long = file(new Uint8Array(3 << 20).fill(1), { isInline: false, size: 64n << 20n })
    const { code } = await attack(directory({ long }))
    expect([code, extracted()]).toEqual([1, []])
  })

  it("of a size that no system has is refused", async () => {
    const { code } = await attack(directory({ huge: file("x", { size: 2n ** 62n, isInline: false }) }))
    expect([code, extracted()]).toEqual([1, []])
  })
})

describe("nodes", () => {
  const canMake = process.geteuid?.() === 0

  it("are made if the user may, otherwise that is an error", async () => {
    const root = directory({
      fifo: special("fifo"),
      null: special("char", [1, 3]),
      sda: special("block", [8, 300]),
    })
    const { code, stderr } = await attack(root)
    if (canMake) {
      expect([code, extracted()]).toEqual([0, ["/fifo", "/null", "/sda"]])
      expect(lstatSync(join(target, "sda")).rdev).toBe((0x12c & 0xff) | (8 << 8) | ((300 & ~0xff) << 12))
    } else {
      expect([code, extracted()]).toEqual([1, ["/fifo"]])
      expect(stderr).toContain("'/null': cannot be made")
    }
  })

  it("do not replace what is there", async () => {
    mkdirSync(target)
    writeFileSync(join(target, "fifo"), "mine")
    const root = directory({ fifo: special("fifo") })
    expect((await attack(root)).code).toBe(1)
    expect(readFileSync(join(target, "fifo"), "utf8")).toBe("mine")
    expect((await attack(root, "--overwrite")).code).toBe(0)
    expect(lstatSync(join(target, "fifo")).isFIFO()).toBe(true)
  })
})
