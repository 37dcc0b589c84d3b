// SPDX-License-Identifier: MIT
import { describe, expect, it, vi } from "vitest"
import { Ahead } from "../../src/source/ahead.js"
import { Random } from "../support/random.js"

const MIB = 1 << 20
const BYTES = new Random(3).bytes(40 * MIB)

/** What fetches ahead, and the ranges that it fetched; nothing comes before `release` where `isHeld`. */
function setUp({ isHeld = false, fails = (_: number): boolean => false } = {}) {
  const fetched: [start: number, end: number][] = []
  let release = (): void => {}
  const held = isHeld ? new Promise<void>((resolve) => (release = resolve)) : undefined
  const ahead = new Ahead(async (target, offset) => {
    fetched.push([offset, offset + target.length])
    await held
    if (fails(offset)) throw new Error("not now")
    target.set(BYTES.subarray(offset, offset + target.length))
    return target.length
  })
  return { ahead, fetched, release: () => release() }
}

/** Reads a range; answers how many bytes came, which must be right. */
async function read(ahead: Ahead, start: number, length: number, signal?: AbortSignal): Promise<number> {
  const target = new Uint8Array(length)
  const count = await ahead.read(target, start, signal)
  expect(Buffer.compare(target.subarray(0, count), BYTES.subarray(start, start + count))).toBe(0)
  return count
}

describe("fetching ahead", () => {
  it("gives what was announced, neighbours in one piece", async () => {
    const { ahead, fetched } = setUp()
    ahead.expect(1000, 5000)
    ahead.expect(6000, 9000)
    ahead.expect(500_000, 500_100)
    await vi.waitFor(() => expect(fetched).toHaveLength(2))
    expect(fetched).toEqual([
      [1000, 9000],
      [500_000, 500_100],
    ])
    expect(await read(ahead, 1500, 100)).toBe(100)
    expect(await read(ahead, 8000, 2000)).toBe(1000)
    expect(await read(ahead, 100_000, 10)).toBe(0)
    expect(await read(ahead, 500_000, 100)).toBe(100)
    // What was read last is kept, what was read before goes.
    expect(await read(ahead, 500_000, 100)).toBe(100)
    for (let start = 700_000; start <= 1_500_000; start += 100_000) {
      ahead.expect(start, start + 10)
      await Promise.resolve()
      expect(await read(ahead, start, 10)).toBe(10)
    }
    expect(await read(ahead, 500_000, 100)).toBe(0)
  })

  it("goes on as far as has been read, in order, and holds no more than 12 MiB", async () => {
    const { ahead, fetched } = setUp()
    ahead.expect(0, 40 * MIB)
    await vi.waitFor(() => expect(fetched).toHaveLength(12))
    for (let at = 0; at < 40 * MIB; at += MIB / 4) {
      expect(await read(ahead, at, MIB / 4)).toBe(MIB / 4)
      expect(fetched.length).toBeLessThanOrEqual(12 + Math.floor((at + MIB / 4) / MIB))
    }
    expect(fetched).toEqual(Array.from({ length: 40 }, (_, i) => [i * MIB, (i + 1) * MIB]))
  })

  it("lets go of what is left behind", async () => {
    const { ahead, fetched } = setUp()
    for (let i = 0; i < 40; i++) ahead.expect(i * MIB, (i + 1 / 2) * MIB)
    await vi.waitFor(() => expect(fetched).toHaveLength(24))
    // Of all only a late one is read; then there is room for more.
    expect(await read(ahead, 20 * MIB, 1000)).toBe(1000)
    expect(await read(ahead, 0, 1000)).toBe(0)
    expect(await read(ahead, 19 * MIB, 1000)).toBe(1000)
    await vi.waitFor(() => expect(fetched.length).toBeGreaterThan(30))
  })

  it("goes on where the reader is, if nothing that is held is read", async () => {
    const { ahead, fetched } = setUp()
    ahead.expect(0, 40 * MIB)
    await vi.waitFor(() => expect(fetched).toHaveLength(12))
    let count = 0
    for (let at = 20 * MIB; count === 0 && at < 21 * MIB; at += 4096) count = await read(ahead, at, 4096)
    expect(count).toBe(4096)
    expect(fetched.slice(12).every(([start]) => start >= 20 * MIB)).toBe(true)
  })

  it("leaves to the reader what could not be fetched", async () => {
    const { ahead } = setUp({ fails: (offset) => offset === 0 })
    ahead.expect(0, 2 * MIB)
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    expect(await read(ahead, 1000, 1000)).toBe(0)
    expect(await read(ahead, MIB, 1000)).toBe(1000)
  })

  it("does not keep who gives up, nor anything once it is closed", async () => {
    const { ahead, release } = setUp({ isHeld: true })
    ahead.expect(0, 1000)
    await Promise.resolve()
    const stop = new AbortController()
    const reading = read(ahead, 0, 10, stop.signal)
    stop.abort("enough")
    await expect(reading).rejects.toBe("enough")
    release()
    expect(await read(ahead, 0, 10)).toBe(10)
    ahead.expect(5000, 6000)
    ahead.close()
    expect(await read(ahead, 5000, 10)).toBe(0)
  })

  it("asks no more of a server that fails, until more is announced", async () => {
    let isDown = true
    const { ahead, fetched } = setUp({ fails: () => isDown })
    for (let i = 0; i < 2000; i++) ahead.expect(i * 20_000, i * 20_000 + 10)
    expect(await read(ahead, 0, 10)).toBe(0)
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    for (let i = 0; i < 2000; i++) expect(await read(ahead, i * 20_000, 10)).toBe(0)
    expect(fetched.length).toBeLessThanOrEqual(32)
    isDown = false
    ahead.expect(500, 600)
    await Promise.resolve()
    expect(await read(ahead, 500, 100)).toBe(100)
  })

  it("lets go of what came short", async () => {
    let fetches = 0
    const ahead = new Ahead(async (target) => (fetches++ < 12 ? target.length - 1 : target.length))
    ahead.expect(0, 12 * MIB)
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    expect(await read(ahead, 0, 10)).toBe(0)
    expect(fetches).toBe(12)
    ahead.expect(20 * MIB, 32 * MIB)
    await Promise.resolve()
    expect(fetches).toBe(24)
  })

  it("stops and forgets what is not wanted any more, and goes on with the rest", async () => {
    const stop = new AbortController()
    const fetched: number[] = []
    const calledOff: number[] = []
    const ahead = new Ahead((target, offset, signal) => {
      fetched.push(offset)
      target.set(BYTES.subarray(offset, offset + target.length))
      if (offset < 2 * MIB || offset >= 20 * MIB) return Promise.resolve(target.length)
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          calledOff.push(offset)
          reject(signal.reason)
        })
      })
    })
    ahead.expect(0, 20 * MIB, stop.signal)
    ahead.expect(20 * MIB, 21 * MIB)
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    expect(fetched).toHaveLength(12)
    expect(await read(ahead, 0, 10)).toBe(10)
    const waiting = read(ahead, 3 * MIB, 10)
    stop.abort()
    expect(await waiting).toBe(0)
    expect(calledOff).toHaveLength(10)
    expect(await read(ahead, 0, 10)).toBe(0)
    expect(await read(ahead, 20 * MIB, 10)).toBe(10)
    expect(fetched.slice(12)).toEqual([20 * MIB])
    ahead.expect(30 * MIB, 31 * MIB, stop.signal)
    await Promise.resolve()
    expect(fetched).toHaveLength(13)
  })
})
