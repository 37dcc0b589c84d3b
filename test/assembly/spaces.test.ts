// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NO_FRAME, NO_SPACE, OK, SIZE_DIFFERS } from "../../src/status.js"
import { BUILDS, flat, PAGE, PoolCore, TAG_DEVICE, TAG_FINGERPRINT, TAG_INODE } from "../support/pool-core.js"

describe.each(BUILDS)("address spaces of the %s build", (build) => {
  it("are the same for the same tag, owner, key and size, and only then", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("key", 100)
    expect(space).toBeGreaterThan(0)
    expect(pool.openSpace("key", 100)).toBe(space)
    expect(pool.openSpace("key", 101)).toBe(-SIZE_DIFFERS)
    const others = [
      pool.openSpace("key2", 100),
      pool.openSpace("ke", 100),
      pool.openSpace("", 100),
      pool.openSpace("key", 100, TAG_INODE),
      pool.openSpace("key", 100, TAG_FINGERPRINT, 1),
    ]
    expect(new Set([space, ...others]).size).toBe(6)
    expect(Math.min(...others)).toBeGreaterThan(0)
    expect(pool.statistics().spaces).toBe(6)
  })

  it("tell a size beyond 2^32 from one that is the same modulo 2^32", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    expect(pool.openSpace("key", 2 ** 52 + 5)).toBeGreaterThan(0)
    expect(pool.openSpace("key", 5)).toBe(-SIZE_DIFFERS)
    expect(pool.openSpace("key", 2 ** 52 + 5)).toBeGreaterThan(0)
  })

  it("have keys of up to 64 KiB, compared whole, and give their frames back", () => {
    const pool = PoolCore.create(build, { frames: 128 })
    const opened: number[] = []
    for (const length of [39, 40, 41, 4095, 4096, 4097, 65535]) {
      const key = new Uint8Array(length).fill(7)
      const space = pool.openSpace(key, 1)
      const again = pool.openSpace(key, 1)
      expect(again).toBe(space)
      key[length - 1] = 8
      const other = pool.openSpace(key, 1)
      expect(other).not.toBe(space)
      opened.push(space, again, other)
    }
    expect(Math.min(...opened)).toBeGreaterThan(0)
    expect(pool.statistics().framesUsed).toBeGreaterThan(32)
    expect(pool.dropPages(0)).toBe(0)
    for (const space of opened) pool.releaseSpace(space)
    expect(pool.statistics()).toMatchObject({ spaces: 0, framesUsed: 0 })
    expect(pool.openSpace(new Uint8Array(65536), 1)).toBe(-NO_SPACE)
    expect(pool.statistics()).toMatchObject({ spaces: 0, framesUsed: 0 })
  })

  it("are the same only within a domain, which lasts as long as any space of it", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const [one, two] = [pool.openDomain("one"), pool.openDomain("two")]
    const open = (domain: number) => pool.openSpace("key", PAGE, TAG_FINGERPRINT, 0, { domain })
    const [inOne, inTwo, inNone] = [one, two, 0].map(open) as [number, number, number]
    expect(new Set([inOne, inTwo, inNone]).size).toBe(3)
    for (const space of [inOne, inTwo]) expect(pool.fill(flat(space, 1, 0), 0)).toBe(OK)
    for (const space of [inOne, inTwo, one, two]) pool.releaseSpace(space)
    // Nobody refers to any of them, but the pages are there for whoever comes again.
    expect(pool.openDomain("one")).toBe(one)
    expect(open(one)).toBe(inOne)
    expect(pool.read(inOne, 0)).toBeDefined()
    // With the last page of the other goes its space, and with that the domain.
    expect(pool.statistics().spaces).toBe(5)
    expect(pool.dropPages(inTwo)).toBe(1)
    expect(pool.statistics().spaces).toBe(3)
  })

  it("need frames for long keys: NO_FRAME when there are none, and no record is lost", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const key = (n: number) => new Uint8Array(65535).fill(n)
    const spaces = [1, 2, 3, 4].map((n) => pool.openSpace(key(n), 1))
    expect(Math.min(...spaces)).toBeGreaterThan(0)
    expect(pool.openSpace(key(5), 1)).toBe(-NO_FRAME)
    expect(pool.statistics()).toMatchObject({ spaces: 4, framesUsed: 64 })
    pool.releaseSpace(spaces[2] as number)
    expect(pool.openSpace(key(5), 1)).toBeGreaterThan(0)
  })

  it("run out: NO_SPACE, until one is given back or only pages hold it", () => {
    const pool = PoolCore.create(build, { frames: 64, spaces: 5 })
    const spaces = ["a", "b", "c", "d", "e"].map((key) => pool.openSpace(key, PAGE))
    expect(new Set(spaces).size).toBe(5)
    expect(pool.openSpace("f", PAGE)).toBe(-NO_SPACE)
    expect(pool.openSpace("c", PAGE)).toBe(spaces[2])
    // Given back, but its page stays for whoever comes again ...
    expect(pool.fill(flat(spaces[1] as number, 1, 0), 0)).toBe(OK)
    pool.releaseSpace(spaces[1] as number)
    expect(pool.statistics().spaces).toBe(5)
    expect(pool.openSpace("b", PAGE)).toBe(spaces[1])
    expect(pool.read(spaces[1] as number, 0)).toBeDefined()
    // ... or until its record is wanted.
    pool.releaseSpace(spaces[1] as number)
    expect(pool.openSpace("f", PAGE)).toBe(spaces[1])
    expect(pool.read(spaces[1] as number, 0)).toBeUndefined()
  })

  it("go with their last page when nobody refers to them", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("a", 3 * PAGE)
    expect(pool.fill(flat(space, 3, 0), 0, 3)).toBe(OK)
    pool.releaseSpace(space)
    expect(pool.statistics()).toMatchObject({ spaces: 1, framesUsed: 3 })
    expect(pool.dropPages(space)).toBe(3)
    expect(pool.statistics()).toMatchObject({ spaces: 0, framesUsed: 0 })
  })

  it("of a mount that is closed lose their pages, shared ones keep them", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const device = pool.openSpace("device", PAGE, TAG_DEVICE, 7)
    const own = pool.openSpace("own", PAGE, TAG_INODE, 7)
    const other = pool.openSpace("own", PAGE, TAG_INODE, 8)
    const shared = pool.openSpace("own", PAGE)
    for (const space of [own, other, shared]) expect(pool.fill(flat(space, 1, 0), 0)).toBe(OK)
    expect(pool.core.dropMount(pool.worker, 7, device)).toBe(1)
    expect([own, other, shared].map((space) => pool.read(space, 0) !== undefined)).toEqual([
      false,
      true,
      true,
    ])
  })

  it("count pages of files with more than one user as shared", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("a", 3 * PAGE)
    expect(pool.fill(flat(space, 3, 0), 0, 3)).toBe(OK)
    expect(pool.statistics()).toMatchObject({ pagesShared: 0, pagesSaved: 0 })
    pool.openSpace("a", 3 * PAGE)
    pool.openSpace("a", 3 * PAGE)
    expect(pool.statistics()).toMatchObject({ pagesShared: 3, pagesSaved: 6 })
  })
})

it("interning is a map from key and owner to space, whatever the order", () => {
  const step = fc.record({
    key: fc.uint8Array({ maxLength: 3, max: 2 }),
    owner: fc.nat(1),
    isOpened: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (sequence) => {
      const pool = PoolCore.create("debug", { frames: 64, spaces: 300 })
      const open = new Map<string, { space: number; references: number }>()
      for (const { key, owner, isOpened } of sequence) {
        const name = `${owner}:${key}`
        const known = open.get(name)
        if (isOpened) {
          const space = pool.openSpace(key, 10, TAG_INODE, owner)
          expect(space).toBeGreaterThan(0)
          if (known) expect(space).toBe(known.space)
          else expect([...open.values()].map((other) => other.space)).not.toContain(space)
          open.set(name, { space, references: (known?.references ?? 0) + 1 })
        } else if (known) {
          pool.releaseSpace(known.space)
          known.references--
          if (known.references === 0) open.delete(name)
        }
        expect(pool.statistics().spaces).toBe(open.size)
      }
    }),
    { numRuns: 40 },
  )
})
