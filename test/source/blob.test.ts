// SPDX-License-Identifier: MIT
/** Blobs and files of OPFS as sources. What browsers really do with them is tested in browsers. */
import { openAsBlob } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { blobSource, opfsSource, PagePool } from "../../src/index.js"
import { shared } from "../support/bytes.js"
import { readFixture } from "../support/flat-image.js"
import { manifestOf, sha256 } from "../support/open.js"

const bytes = Uint8Array.from({ length: 5 << 20 }, (_, i) => (i * 7 + (i >>> 8)) & 0xff)
const PLACES = [
  [0, 10],
  [bytes.length - 10, 10],
  [0, bytes.length],
  [bytes.length - 5, 10],
  [bytes.length, 1],
  [bytes.length + 1000, 5],
  [3, 0],
] as const

describe("a source of a Blob", () => {
  it("gives any of its bytes, into ordinary and shared memory", async () => {
    const source = blobSource(new Blob([bytes]))
    expect(source.size).toBe(bytes.length)
    for (const [offset, length] of PLACES) {
      const wanted = bytes.subarray(offset, offset + length)
      for (const target of [new Uint8Array(length + 2).fill(1), shared(new Uint8Array(length + 2).fill(1))]) {
        const part = target.subarray(1, length + 1)
        expect(await source.read(part, offset, {})).toBe(wanted.length)
        expect(Buffer.compare(part.subarray(0, wanted.length), wanted)).toBe(0)
        expect([target[0], target[length + 1]]).toEqual([1, 1])
      }
    }
  })

  it("is named as the file, and asks for windows of 1 MiB", () => {
    expect(blobSource(new File([bytes], "a.erofs"))).toMatchObject({ name: "a.erofs", granularity: 1 << 20 })
    expect("name" in blobSource(new Blob([bytes]))).toBe(false)
  })

  it("writes nothing once it is called off", async () => {
    const source = blobSource(new Blob([bytes]))
    const target = new Uint8Array(bytes.length)
    const controller = new AbortController()
    const reading = source.read(target, 0, { signal: controller.signal })
    controller.abort()
    await expect(reading).rejects.toMatchObject({ name: "AbortError" })
    expect(target.every((byte) => byte === 0)).toBe(true)
  })

  it("reads an image of a file", async () => {
    const path = fileURLToPath(new URL("../fixtures/images/lz4-ztailpacking.erofs", import.meta.url))
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = await pool.mount(blobSource(await openAsBlob(path)))
    const content = await image.readFile("/text-300k")
    expect(sha256(content)).toBe(manifestOf("lz4-ztailpacking")["/text-300k"]?.sha256)
    expect(() => image.readFileSync("/text-16k")).toThrow(expect.objectContaining({ code: "ENOTSUP" }))
  })

  it("that cannot be read any more is EIO", async () => {
    const blob = new Blob([readFixture("lz4-legacy.erofs").slice()])
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = await pool.mount(blobSource(blob))
    blob.slice = () => {
      throw new DOMException("The file has changed", "NotReadableError")
    }
    await expect(image.readFile("/text-300k")).rejects.toMatchObject({
      code: "EIO",
      message: expect.stringContaining("The file has changed"),
    })
  })
})

/** A sync access handle as browsers have it, which may give less than asked. */
class AccessHandle {
  closed = 0
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }
  getSize(): number {
    return bytes.length
  }
  read(target: Uint8Array, { at }: { at: number }): number {
    const piece = bytes.subarray(at, at + Math.min(target.length, this.#most))
    target.set(piece)
    return piece.length
  }
  close(): void {
    this.closed++
  }
}

describe("a source of the private file system", () => {
  it.each([Number.POSITIVE_INFINITY, 1 << 16])(
    "gives any bytes at once, however few a call brings",
    (most) => {
      const handle = new AccessHandle(most)
      const source = opfsSource(handle)
      expect(source.size).toBe(bytes.length)
      for (const [offset, length] of PLACES) {
        const wanted = bytes.subarray(offset, offset + length)
        const target = shared(new Uint8Array(length))
        expect(source.readSync(target, offset)).toBe(wanted.length)
        expect(Buffer.compare(target.subarray(0, wanted.length), wanted)).toBe(0)
      }
      source.close?.()
      source.close?.()
      expect(handle.closed).toBe(1)
    },
  )

  it("with a file handle is the file as it is now", async () => {
    const source = await opfsSource({ name: "x", getFile: async () => new File([bytes], "x.erofs") })
    expect(source).toMatchObject({ size: bytes.length, name: "x.erofs" })
  })
})
