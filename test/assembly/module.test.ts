// SPDX-License-Identifier: MIT
/** What must hold of the module itself, so that a second instance on a memory with a live pool disturbs nothing. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { BUILDS, coreBytes, instantiate, memoryFor, PAGE, PoolCore } from "../support/pool-core.js"
import { moduleFacts } from "../support/wasm-sections.js"

/** Constant tables end before this; see assembly/layout.ts. */
const CONTROL = 0x10000
/** Bytes behind the last frame that decoders look at; see assembly/codec/codec.ts. */
const GUARD = 64

describe.each(BUILDS)("the %s build", (build) => {
  const facts = moduleFacts(coreBytes(build))

  it("imports nothing but the memory", () => {
    expect(facts.imports).toEqual(["env.memory"])
  })

  it("exports functions only", () => {
    expect(facts.exports.filter(({ kind }) => kind !== 0)).toEqual([])
    expect(facts.exports.map(({ name }) => name)).toContain("planFill")
  })

  it("has no global that can change", () => {
    expect(facts.globals.filter((isMutable) => isMutable)).toEqual([])
  })

  it("has data segments only where constant tables may be", () => {
    expect(facts.segments.length).toBeGreaterThan(0)
    for (const { start, length } of facts.segments) {
      // A passive segment is copied by code at the start: to where, the next test sees.
      if (start !== undefined) expect(start + length).toBeLessThanOrEqual(CONTROL)
    }
  })

  it("leaves all memory from the control block on as it was when it is instantiated", () => {
    const memory = memoryFor(build, 3)
    const bytes = new Uint8Array(memory.buffer)
    bytes.fill(0xa5)
    instantiate(build, memory)
    expect(bytes.subarray(CONTROL).every((byte) => byte === 0xa5)).toBe(true)
  })

  it("writes the same tables every time", () => {
    const memory = memoryFor(build, 2)
    const bytes = new Uint8Array(memory.buffer)
    instantiate(build, memory)
    const first = bytes.slice()
    instantiate(build, memory)
    expect(Buffer.compare(first, bytes.slice())).toBe(0)
  })
})

it("never grows memory", () => {
  const text = readFileSync(new URL("../../build/core.shared.wat", import.meta.url), "utf8")
  expect(text).toContain("memory.copy")
  expect(text).not.toContain("memory.grow")
})

describe.each(BUILDS)("the layout of the %s build", (build) => {
  it.each([
    [1, 1, 1],
    [64, 1, 1],
    [100, 7, 2],
    [1024, 500, 3],
  ])("of %i frames, %i spaces, %i workers puts the regions side by side", (frames, spaces, workers) => {
    const pool = PoolCore.create(build, { frames, spaces, workers })
    const words = new Uint32Array(pool.memory.buffer, CONTROL, 23)
    const [frameCount, bucketCount, spaceCapacity, spaceBucketCount, workerCount] =
      words as unknown as number[]
    expect([frameCount, spaceCapacity, workerCount]).toEqual([frames, spaces, workers])
    const [bitmap, frameTable, buckets, table, spaceBuckets, workerStart, frameStart, end] = [
      ...words.subarray(6, 14),
    ] as [number, number, number, number, number, number, number, number]
    // Each region: where it starts and the least it must hold.
    const workerSize = (frameStart - workerStart) / workers
    const [contentBuckets, aliases, aliasCapacity, members, memberCapacity, pinTables] = [
      ...words.subarray(15, 21),
    ] as [number, number, number, number, number, number]
    const [contentTable, readers] = [...words.subarray(21, 23)] as [number, number]
    const regions = [
      [CONTROL, 520],
      [bitmap, Math.ceil(frames / 32) * 4],
      [frameTable, frames * 16],
      [readers, frames * 4],
      [buckets, (bucketCount as number) * 4],
      [contentBuckets, (bucketCount as number) * 4],
      [contentTable, frames * 12],
      [table, (spaces + 1) * 72],
      [spaceBuckets, (spaceBucketCount as number) * 4],
      [aliases, (aliasCapacity + 1) * 32],
      [members, (memberCapacity + 1) * 12],
      [pinTables, frames * workers * 3],
      [workerStart, workers * 40 * PAGE],
      [frameStart, frames * PAGE],
    ] as const
    for (const [i, [start, length]] of regions.entries()) {
      expect(start + length).toBeLessThanOrEqual(regions[i + 1]?.[0] ?? end)
    }
    expect(frameStart % PAGE).toBe(0)
    expect(bucketCount).toBe(Math.max(frames, 64))
    const bytes = pool.core.poolBytes(frames, spaces, workers)
    expect(bytes).toBe(end + GUARD)
    expect(bytes).toBeLessThanOrEqual(pool.bytes.length)
    expect(pool.worker).toBe(workerStart)
    // Slots and the exchange area lie within the worker's region, one behind the other.
    const slots = Array.from({ length: 8 }, (_, i) => pool.slot(i))
    expect(pool.core.exchangeAt(pool.worker)).toBeGreaterThan(pool.worker)
    expect(slots[0]).toBeGreaterThanOrEqual(pool.core.exchangeAt(pool.worker) + (128 << 10))
    const distance = (slots[1] as number) - (slots[0] as number)
    expect(slots).toEqual(slots.map((_, i) => (slots[0] as number) + i * distance))
    expect((slots[7] as number) + distance).toBeLessThanOrEqual(pool.worker + workerSize)
  })

  it("says 0 for what no memory can hold", () => {
    const core = instantiate(build, memoryFor(build, 2))
    expect(core.poolBytes(1 << 20, 1, 1)).toBe(0)
    expect(core.poolBytes(0x80000001, 1, 1)).toBe(0)
    expect(core.poolBytes(0xffffffff, 1, 1)).toBe(0)
    expect(core.poolBytes(1, 0xffffffff, 1)).toBe(0)
    expect(core.poolBytes(1, 1, 0xffffffff)).toBe(0)
  })

  it("gives every worker a place once, and none where there is no pool", () => {
    const pool = PoolCore.create(build, { frames: 64, workers: 3 })
    const places = [pool.place, pool.core.takePlace(), pool.core.takePlace(), pool.core.takePlace()]
    expect(places).toEqual([0, 1, 2, -1])
    const regions = [0, 1, 2].map((place) => pool.core.joinPool(place))
    expect(regions[0]).toBe(pool.worker)
    expect(new Set(regions).size).toBe(3)
    pool.core.freePlace(pool.worker, 1)
    expect(pool.core.takePlace()).toBe(1)
    expect(instantiate(build, memoryFor(build, 2)).joinPool(0)).toBe(0)
  })
})
