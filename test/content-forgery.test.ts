// SPDX-License-Identifier: MIT
/** Sharing by content where somebody forged the hashes of pages. */
import { describe, expect, it } from "vitest"
import { CONTENT_MERGE } from "../src/content-description.js"
import { OK } from "../src/status.js"
import { BUILDS, type Device, flat, PAGE, PoolCore } from "./support/pool-core.js"
import { PoolRecords } from "./support/pool-records.js"

// XXH64 can be turned round: two words of each page are enough to give any number of pages one hash. They lie in the last
// eighth of the page, which the others, all zeros, are laid over before it is hashed.
const PIECE = PAGE / 8
const MASK = (1n << 64n) - 1n
const PRIME_1 = 0x9e3779b185ebca87n
const PRIME_2 = 0xc2b2ae3d27d4eb4fn
const INVERSE_2 = inverse(PRIME_2)

function inverse(value: bigint): bigint {
  let found = value
  for (let i = 0; i < 7; i++) found = (found * (2n - value * found)) & MASK
  return found & MASK
}

/** The first accumulator before the last stripe of a page whose last eighth begins with a number and is zero else. */
function accumulator(number: bigint): bigint {
  let value = (PRIME_1 + PRIME_2) & MASK
  for (let stripe = 0; stripe < PIECE / 32 - 1; stripe++) {
    const mixed = (value + (stripe === 0 ? number : 0n) * PRIME_2) & MASK
    value = (((mixed << 31n) | (mixed >> 33n)) * PRIME_1) & MASK
  }
  return value
}

/** A device whose pages all differ and all have one hash, in domain 0. */
const forged: Device = (target, offset) => {
  const view = new DataView(target.buffer, target.byteOffset, target.length)
  target.fill(0)
  for (let at = 0; at < target.length; at += PAGE) {
    const number = BigInt((offset + at) / PAGE)
    view.setBigUint64(at + PAGE - PIECE, number, true)
    const lane = ((accumulator(0n) - accumulator(number)) * INVERSE_2) & MASK
    view.setBigUint64(at + PAGE - 32, lane, true)
  }
}

describe.each(BUILDS)("pages of the %s build", (build) => {
  it("are told apart though their hashes are forged to be one", () => {
    const frames = 2048
    const pool = PoolCore.create(build, { frames })
    const space = pool.openSpace("forged", frames * PAGE)
    for (let page = 0; page < frames; page += 256) {
      expect(pool.fill({ ...flat(space, frames, 0), flags: CONTENT_MERGE }, page, 256, forged)).toBe(OK)
    }
    for (let page = 0; page < frames; page++) {
      const bytes = pool.read(space, page)
      if (bytes) expect(new DataView(bytes.buffer).getBigUint64(PAGE - PIECE, true)).toBe(BigInt(page))
    }
    expect(pool.statistics().pagesMerged).toBe(0)
    // Of so many, few are ever compared with others: the lock must not be held for long.
    const records = new PoolRecords(pool.memory)
    const found = Array.from({ length: frames }, (_, frame) => records.content(frame)("hash"))
    expect(new Set(found.filter((hash) => hash !== 0)).size).toBe(1)
    expect(found.filter((hash) => hash !== 0).length).toBeLessThan(64)
    pool.dropPages(0)
    expect(pool.statistics().framesUsed).toBe(0)
  })
})
