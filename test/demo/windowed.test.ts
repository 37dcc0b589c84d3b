// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { windowed } from "../../demo/windowed.js"
import type { AsyncSource } from "../../src/source/source.js"

const MIB = 1 << 20
const SIZE = 20 * MIB + 777

/** The byte of the device at a position. */
const byteAt = (offset: number): number => (offset * 31 + (offset >> 12)) & 0xff

/** A device, and the reads that it was asked for. */
function device(): {
  source: AsyncSource
  reads: [offset: number, length: number][]
  fail: { next: boolean }
} {
  const reads: [number, number][] = []
  const fail = { next: false }
  const source: AsyncSource = {
    size: SIZE,
    name: "device",
    async read(target, offset) {
      reads.push([offset, target.length])
      await Promise.resolve()
      if (fail.next) {
        fail.next = false
        throw new Error("the disk is gone")
      }
      const count = Math.max(0, Math.min(target.length, SIZE - offset))
      for (let i = 0; i < count; i++) target[i] = byteAt(offset + i)
      return count
    },
  }
  return { source, reads, fail }
}

/** Reads, and compares each byte. Answers how many there were. */
async function check(source: AsyncSource, offset: number, length: number): Promise<number> {
  const target = new Uint8Array(length).fill(0xee)
  const count = await source.read(target, offset, {})
  const wrong = target.findIndex((byte, i) => byte !== (i < count ? byteAt(offset + i) : 0xee))
  expect([offset, length, wrong]).toEqual([offset, length, -1])
  return count
}

describe("a source that is read in windows", () => {
  it("gives every byte, within windows and across them, up to the end", async () => {
    const source = windowed(device().source)
    expect([source.size, source.name]).toEqual([SIZE, "device"])
    for (const [offset, length] of [
      [0, 1],
      [1024, 4096],
      [MIB - 1, 2],
      [MIB - 5, 65536],
      [3 * MIB, MIB - 1],
      [5 * MIB + 3, 3 * MIB],
      [SIZE - 10, 10],
    ] as const) {
      expect(await check(source, offset, length)).toBe(length)
    }
    expect(await check(source, SIZE - 10, 4096)).toBe(10)
    expect(await check(source, SIZE, 16)).toBe(0)
    expect(await check(source, SIZE + MIB, 16)).toBe(0)
  })

  it("asks once for what lies side by side, also at the same time", async () => {
    const { source, reads } = device()
    const wide = windowed(source)
    await Promise.all(Array.from({ length: 100 }, (_, i) => check(wide, i * 5000, 4096)))
    expect(reads).toEqual([[0, MIB]])
  })

  it("keeps the windows that were used last", async () => {
    const { source, reads } = device()
    const wide = windowed(source)
    for (let number = 0; number < 8; number++) await check(wide, number * MIB, 16)
    await check(wide, 0, 16)
    await check(wide, 8 * MIB, 16)
    expect(reads.length).toBe(9)
    await check(wide, 0, 16)
    expect(reads.length).toBe(9)
    await check(wide, MIB, 16)
    expect(reads.length).toBe(10)
  })

  it("fails as the source does, and tries again when asked again", async () => {
    const { source, fail } = device()
    const wide = windowed(source)
    fail.next = true
    await expect(check(wide, 0, 16)).rejects.toThrow("the disk is gone")
    expect(await check(wide, 0, 16)).toBe(16)
  })

  it("does not touch the target once it was given up", async () => {
    const wide = windowed(device().source)
    const controller = new AbortController()
    const target = new Uint8Array(16)
    const reading = wide.read(target, 1, { signal: controller.signal })
    controller.abort(new Error("enough"))
    await expect(reading).rejects.toThrow("enough")
    expect(target.every((byte) => byte === 0)).toBe(true)
  })
})
