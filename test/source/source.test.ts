// SPDX-License-Identifier: MIT
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import {
  type AsyncSource,
  bufferSource,
  offsetSource,
  openFile,
  openFileSync,
  PagePool,
  type SyncSource,
} from "../../src/index.node.js"
import { shared } from "../support/bytes.js"
import { readFixture } from "../support/flat-image.js"

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xff)
const folder = mkdtempSync(join(tmpdir(), "erofs-wasm-source-"))
const path = join(folder, "file")
writeFileSync(path, bytes)
afterAll(() => rmSync(folder, { recursive: true }))

/** What a source of those bytes must do. */
async function check(source: SyncSource & Partial<AsyncSource>): Promise<void> {
  expect(source.size).toBe(bytes.length)
  for (const [offset, length] of [
    [0, 10],
    [990, 10],
    [0, 1000],
    [995, 10],
    [1000, 1],
    [2000, 5],
    [3, 0],
  ] as const) {
    const wanted = bytes.slice(offset, offset + length)
    // Shared memory is what a pool hands in.
    for (const target of [new Uint8Array(length + 2).fill(1), shared(new Uint8Array(length + 2).fill(1))]) {
      const part = target.subarray(1, length + 1)
      expect(source.readSync(part, offset)).toBe(wanted.length)
      expect([...part.subarray(0, wanted.length)]).toEqual([...wanted])
      expect([target[0], target[length + 1]]).toEqual([1, 1])
      if (!source.read) continue
      part.fill(0)
      expect(await source.read(part, offset, {})).toBe(wanted.length)
      expect([...part.subarray(0, wanted.length)]).toEqual([...wanted])
    }
  }
}

describe("a source", () => {
  it("of a buffer, a part of one, and shared memory", async () => {
    await check(bufferSource(bytes))
    await check(bufferSource(bytes.slice().buffer))
    await check(bufferSource(shared(bytes)))
    const sharedBuffer = new SharedArrayBuffer(1000)
    new Uint8Array(sharedBuffer).set(bytes)
    await check(bufferSource(sharedBuffer))
    const larger = new Uint8Array(1020)
    larger.set(bytes, 10)
    await check(bufferSource(larger.subarray(10, 1010)))
  })

  it("of a file, at once and in the background", async () => {
    const source = openFileSync(path)
    await check(source)
    expect(source.name).toBe(path)
    source.close()
    source.close()
    expect(() => source.readSync(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: "EBADF" }))
    await expect(source.read(new Uint8Array(1), 0, {})).rejects.toMatchObject({ code: "EBADF" })
    const other = await openFile(pathToFileURL(path))
    await check(other)
    other.close()
    const part = openFileSync(path, { size: 500 })
    expect(part.size).toBe(500)
    part.close()
  })

  it("of what is no file is an error of the system, or EINVAL", async () => {
    expect(() => openFileSync(join(folder, "none"))).toThrow(
      expect.objectContaining({ code: "ENOENT", syscall: "open" }),
    )
    await expect(openFile(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" })
    expect(() => openFileSync(folder)).toThrow(expect.objectContaining({ code: "EINVAL" }))
    expect(() => openFileSync("/dev/null")).toThrow(expect.objectContaining({ code: "EINVAL" }))
  })

  it("of a part of another", async () => {
    const around = new Uint8Array(1100)
    around.set(bytes, 50)
    around.fill(0xcc, 1050)
    await check(offsetSource(bufferSource(around), 50, 1000) as SyncSource)
    writeFileSync(join(folder, "around"), around)
    const file = openFileSync(join(folder, "around"))
    const part = offsetSource(offsetSource(file, 40), 10, 1000) as SyncSource & AsyncSource
    await check(part)
    expect(part.name).toBe(file.name)
    await part.close?.()
    expect(() => file.readSync(new Uint8Array(1), 0)).toThrow()
    expect("read" in offsetSource(bufferSource(bytes), 5)).toBe(false)
    expect(offsetSource(bufferSource(bytes), 1000).size).toBe(0)
    for (const [offset, length] of [
      [-1, 5],
      [1001, 0],
      [5, 996],
      [0.5, 1],
      [0, -1],
      [0, 0.5],
      [0, Number.NaN],
    ] as const) {
      expect(() => offsetSource(bufferSource(bytes), offset, length)).toThrow(
        expect.objectContaining({ code: "EINVAL" }),
      )
    }
  })

  it("that became shorter behind our back is EIO", async () => {
    const image = join(folder, "image")
    writeFileSync(image, readFixture("chunk-4k-indexes.erofs"))
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const mounted = pool.mountSync(openFileSync(image))
    expect(mounted.readFileSync("/text")).toHaveLength(15000)
    pool.drop()
    mounted.readdirSync("/")
    const fd = openSync(image, "w")
    writeSync(fd, readFixture("chunk-4k-indexes.erofs").subarray(0, 8192))
    closeSync(fd)
    expect(() => mounted.readFileSync("/text")).toThrow(
      expect.objectContaining({ code: "EIO", path: "/text" }),
    )
    mounted.closeSync()
    expect(pool.stats()).toMatchObject({ framesUsed: 0 })
  })
})
