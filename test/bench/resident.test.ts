// SPDX-License-Identifier: MIT
/** The lister of cached pages, whose output is a workload. */
import { execFileSync, spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, readSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { scratch } from "../support/cli.js"
import { compiler } from "../support/lz4-native.js"

const source = fileURLToPath(new URL("../../bench/memory/resident.c", import.meta.url))
// Other systems have no pages of 4096 bytes, or another mincore().
const canRun = process.platform === "linux" && compiler !== undefined

describe.skipIf(!canRun)("resident (needs Linux and a C compiler)", () => {
  const compile = (folder: string): string => {
    const program = join(folder, "resident")
    execFileSync(compiler as string, ["-O2", "-Wall", "-Werror", "-o", program, source])
    return program
  }

  it("lists what is cached, whole files by their names alone", () => {
    const folder = scratch()
    const root = join(folder, "root")
    mkdirSync(join(root, "sub"), { recursive: true })
    // What was just written is in the page cache.
    writeFileSync(join(root, "whole"), Buffer.alloc(10000, 1))
    writeFileSync(join(root, "sub", "tab\tname"), Buffer.alloc(5000, 2))
    writeFileSync(join(root, "empty"), "")
    symlinkSync("whole", join(root, "link"))
    writeFileSync(join(root, "none"), "")
    truncateSync(join(root, "none"), 1 << 20)
    const text = execFileSync(compile(folder), [`${root}/`, "/image"], { encoding: "utf8" })
    expect(text.trimEnd().split("\n").sort()).toEqual(["/image/sub/tab\tname\t0\t5000", "/image/whole"])
  })

  it("lists the runs of pages of a file that is cached in part", () => {
    const folder = scratch()
    const root = join(folder, "root")
    mkdirSync(root)
    const path = join(root, "sparse")
    writeFileSync(path, "")
    truncateSync(path, 64 << 20)
    const fd = openSync(path, "r+")
    writeFileSync(fd, Buffer.alloc(8192, 3))
    readSync(fd, Buffer.alloc(1), 0, 1, 0)
    closeSync(fd)
    const lines = execFileSync(compile(folder), [root], { encoding: "utf8" }).trimEnd().split("\n")
    // The kernel may have read ahead, but not 64 MiB.
    const runs = lines.map((line) => line.split("\t"))
    expect(runs.map(([name]) => name)).toEqual(lines.map(() => "/sparse"))
    const ranges = runs.map(([, position, length]) => [Number(position), Number(length)] as const)
    expect(ranges[0]?.[0]).toBe(0)
    expect(ranges[0]?.[1]).toBeGreaterThanOrEqual(8192)
    for (const [position, length] of ranges) expect([position % 4096, length % 4096]).toEqual([0, 0])
    expect(ranges.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(64 << 20)
  })

  it("says which names cannot be written", () => {
    const folder = scratch()
    const root = join(folder, "root")
    mkdirSync(root)
    writeFileSync(join(root, "line\nfeed"), "x")
    const { status, stdout, stderr } = spawnSync(compile(folder), [root], { encoding: "utf8" })
    expect([status, stdout]).toEqual([1, ""])
    expect(stderr).toContain("line feed")
  })
})
