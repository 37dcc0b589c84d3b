// SPDX-License-Identifier: MIT
/** From byte to extent: records of real images, tables made from random extents, and garbage. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ContentDescription } from "../../src/content-description.js"
import { EXTENT_KINDS, SLOT_COUNT } from "../../src/slot.js"
import { FAILURES, OK } from "../../src/status.js"
import { fromHex } from "../support/bytes.js"
import { compactTable, fullTable, type TableExtent } from "../support/index-tables.js"
import { type Build, PAGE, PoolCore } from "../support/pool-core.js"
import { Random } from "../support/random.js"

const FLAT = 0
const CHUNK = 1
const FULL = 2
const COMPACT = 3
const EXTENTS = 4
const LOOKBACK = 42
const EXTENT_ORDER = 46
const FRAGMENT = 5
const BIG = 0x06
const NARROW = 0x01
const INLINE = 0x08
const FRAGMENT_TAIL = 0x20
/** Field of a slot: the page of metadata that is missing. */
const NEED_PAGE = 0

/** A file to be mapped, its metadata given as bytes in the pool. */
class Mapper {
  readonly pool: PoolCore
  readonly metaSpace: number
  readonly metaSize: number
  readonly #metadata: Uint8Array
  #description: Partial<Omit<ContentDescription, "space" | "mount" | "metaSpace" | "metaSize">> & {
    size: number
  }

  constructor(
    metadata: Uint8Array,
    description: Partial<Omit<ContentDescription, "space" | "mount" | "metaSpace" | "metaSize">> & {
      size: number
    },
    build: Build = "debug",
  ) {
    const pages = Math.ceil(metadata.length / PAGE)
    this.pool = PoolCore.create(build, { frames: Math.max(64, pages * 2) })
    this.metaSize = metadata.length
    this.metaSpace = this.pool.openSpace("metadata", metadata.length)
    this.#description = description
    this.#metadata = metadata
    for (let page = 0; page < pages; page++) this.#fill(page)
  }

  /** The status of mapping a byte. */
  status(position: number): number {
    const { pool, metaSpace, metaSize } = this
    const space = pool.openSpace("file", this.#description.size)
    pool.describe(
      { space, metaSpace, metaSize, mount: 1, available: 15, ...this.#description },
      SLOT_COUNT - 1,
    )
    const status = pool.core.mapAt(pool.slot(SLOT_COUNT - 1), position)
    expect(pool.statistics().framesPinned).toBe(0)
    return status
  }

  /** Pages of the metadata that it takes to map a byte. */
  pagesFor(position: number): number {
    this.pool.dropPages(this.metaSpace)
    for (let pages = 0; ; pages++) {
      if (this.status(position) === OK) return pages
      const page = this.pool.core.slotField(this.pool.slot(SLOT_COUNT - 1), NEED_PAGE)
      this.#fill(page)
    }
  }

  /** Brings in a page of the metadata. */
  #fill(page: number): void {
    const { metaSpace: space, metaSize: size } = this
    const flat = { space, layout: FLAT, size, blockBits: 12, mount: 1 }
    this.pool.fill(flat, page, 1, (target, offset) =>
      target.set(this.#metadata.subarray(offset, offset + target.length)),
    )
  }

  /** The extent that holds a byte. */
  at(position: number) {
    expect([position, this.status(position)]).toEqual([position, OK])
    const slot = this.pool.slot(SLOT_COUNT - 1)
    const field = (number: number): number => this.pool.core.extentField(slot, number)
    return {
      logical: field(0),
      physical: field(1),
      length: field(2),
      encodedLength: field(3),
      kind: EXTENT_KINDS[field(4)],
      algorithm: field(5),
      device: field(6),
      flags: field(7),
    }
  }
}

/** `metadata` with `bytes` at a position. */
function at(position: number, bytes: Uint8Array, behind = 64): Uint8Array {
  const metadata = new Uint8Array(position + bytes.length + behind)
  metadata.set(bytes, position)
  return metadata
}

describe("records of real images", () => {
  const SIZE = 80000
  const common = { size: SIZE, blockBits: 12, clusterBits: 12, algorithms: 0 }
  const whole = { kind: "compressed", algorithm: 0 }
  const two = (mapper: Mapper) => {
    for (const position of [0, 4096, 51869]) {
      expect(mapper.at(position)).toMatchObject({
        logical: 0,
        length: 51870,
        physical: 4096,
        encodedLength: 4096,
        ...whole,
      })
    }
    for (const position of [51870, 53248, SIZE - 1]) {
      const last = { logical: 51870, length: SIZE - 51870, physical: 8192, encodedLength: 4096 }
      expect(mapper.at(position)).toMatchObject({ ...last, ...whole })
    }
  }
  const COMPACT_PACKS = `
    0010 0b20 00000000 0220 0920 01000000 0420 0720 01000000 0620 0520 01000000 0820 0320 01000000
    0a20 0120 01000000 9e1a 0620 01000000 0220 0420 02000000 0420 0220 02000000 0620 8008 02000000`

  it("compact indexes, one block each", () => {
    two(
      new Mapper(at(0x508, fromHex(COMPACT_PACKS)), { ...common, layout: COMPACT, index: 0x508, advise: 1 }),
    )
  })

  it("compact indexes, big pclusters", () => {
    const packs = ["0010022801000000", "0220102003000000"]
    for (let n = 4; n < 19; n += 2) {
      const [back, forward] = [n, 19 - n - 1].map((value) => value.toString(16).padStart(2, "0"))
      packs.push(n === 18 ? "1220800803000000" : `${back}20${forward}2003000000`)
    }
    expect(packs[2]).toBe("04200e2003000000")
    const mapper = new Mapper(at(0x528, fromHex(packs.join(""))), {
      ...common,
      layout: COMPACT,
      index: 0x528,
      advise: 7,
    })
    for (const position of [0, 4096, 40_000, SIZE - 1]) {
      expect(mapper.at(position)).toMatchObject({
        logical: 0,
        length: SIZE,
        physical: 4096,
        encodedLength: 8192,
        ...whole,
      })
    }
  })

  it("encoded extents of 16 bytes", () => {
    const table = fromHex("00100010001000000000000000000000 0010001000200000000000009eca0000")
    two(
      new Mapper(at(0x510, table), {
        ...common,
        layout: EXTENTS,
        index: 0x510,
        recordSize: 16,
        extentCount: 2,
        advise: 5,
      }),
    )
  })

  it("full indexes", () => {
    const extents: TableExtent[] = [
      { start: 0, end: 51870, type: "head1", block: 1, blocks: 1 },
      { start: 51870, end: SIZE, type: "head1", block: 2, blocks: 1 },
    ]
    const table = fullTable(extents, SIZE, 4096, false)
    // What the image has, as far as it is known: the tables that are made here are of the same kind.
    const known = fromHex("0100000001000000 0200000001000b00 0200000002000a00 0200000003000900")
    expect(table.subarray(0, known.length)).toEqual(known)
    two(new Mapper(at(0x510, table), { ...common, layout: FULL, index: 0x510, advise: 0 }))
  })

  it("the same codes come from the maker of compact tables", () => {
    const extents: TableExtent[] = [
      { start: 0, end: 51870, type: "head1", block: 1, blocks: 1 },
      { start: 51870, end: SIZE, type: "head1", block: 2, blocks: 1 },
    ]
    const table = compactTable(extents, SIZE, 12, { start: 0x508, isBig: false, isNarrow: true })
    // The codes; an address stands for something only where a pcluster begins.
    const codes = (bytes: Uint8Array) => Buffer.from(bytes.filter((_, i) => i % 8 < 4)).toString("hex")
    expect(codes(table)).toBe(codes(fromHex(COMPACT_PACKS)))
  })

  it("an inline tail behind the last pack", () => {
    const advise = NARROW | INLINE
    const layout = { ...common, layout: COMPACT, index: 0x508, advise, inlineSize: 1256 }
    const mapper = new Mapper(at(0x508, fromHex(COMPACT_PACKS), 4096), layout)
    expect(mapper.at(0)).toMatchObject({ logical: 0, physical: 4096, flags: 0 })
    expect(mapper.at(60_000)).toMatchObject({
      logical: 51870,
      physical: 0x558,
      encodedLength: 1256,
      flags: 4,
    })
    const crossing = new Mapper(at(0x508, fromHex(COMPACT_PACKS), 8192), { ...layout, inlineSize: 4096 })
    expect(FAILURES[crossing.status(60_000)]?.[1]).toContain("crosses the end of its block")
  })
})

/** Extents of a file: at most one begins in an lcluster; their blocks follow each other. */
function extentsArbitrary(clusterBits: number, isBig: boolean, maxClusters: number) {
  const clusterSize = 2 ** clusterBits
  const cluster = fc.record({
    isHead: fc.boolean(),
    offset: fc.oneof(fc.constant(0), fc.nat(clusterSize - 1)),
    blocks: fc.integer({ min: 1, max: 8 }),
    type: fc.constantFrom("plain", "head1", "head2") as fc.Arbitrary<TableExtent["type"]>,
  })
  // Runs without a head too, longer than a distance can tell.
  const run = fc.integer({ min: 0, max: maxClusters })
  return fc
    .tuple(
      fc.array(fc.tuple(cluster, run), { minLength: 1, maxLength: 60 }),
      fc.nat(clusterSize - 1),
      fc.nat(100_000),
    )
    .map(([heads, tail, firstBlock]) => {
      const clusters = heads.flatMap(([head, length], i) => [
        { ...head, isHead: head.isHead || i === 0, offset: i === 0 ? 0 : head.offset },
        ...Array.from({ length: length > maxClusters - 3 ? length : length % 4 }, () => undefined),
      ])
      const last = clusters[clusters.length - 1]
      const least = last?.isHead ? last.offset : 0
      const size = (clusters.length - 1) * clusterSize + Math.min(clusterSize, least + 1 + tail)
      const starts = clusters.flatMap((head, k) =>
        head?.isHead ? [{ ...head, k, start: k * clusterSize + head.offset }] : [],
      )
      let block = firstBlock
      const extents = starts.map(({ start, type, blocks, k }, i): TableExtent => {
        const end = starts[i + 1]?.start ?? size
        // Only an extent with a NONHEAD behind its head can say how many blocks it has; the end marker is a head.
        const next = clusters[k + 1]
        const isMarker = k + 2 === clusters.length && size % clusterSize !== 0 && !next?.isHead
        const hasNonhead = k + 1 < clusters.length && !next?.isHead && !isMarker
        const count = isBig && hasNonhead ? blocks : 1
        const extent = {
          start,
          end,
          block,
          blocks: count,
          type: end - start <= count * clusterSize ? type : "head1",
        }
        block += count
        return extent as TableExtent
      })
      return { extents: extents.filter(({ start, end }) => end > start), size }
    })
    .filter(({ extents, size }) => {
      const total = extents.reduce((sum, { start, end }) => sum + end - start, 0)
      return total === size && extents.every(({ start, end }) => end - start <= 12 << 20)
    })
}

/** Every extent's first, last and some inner byte map to it. */
function checkExtents(mapper: Mapper, extents: TableExtent[], blockSize: number): void {
  for (const { start, end, type, block, blocks } of extents) {
    for (const position of [start, Math.floor((start + end) / 2), end - 1]) {
      expect(mapper.at(position)).toMatchObject({
        logical: start,
        length: end - start,
        physical: block * blockSize,
        encodedLength: blocks * blockSize,
        kind: type === "plain" ? "plain" : "compressed",
        algorithm: type === "plain" ? 0 : type === "head1" ? 2 : 3,
      })
    }
  }
}

describe("tables of random extents", () => {
  const algorithms = 2 | (3 << 4)

  it.each([
    [9, false, 4100],
    [9, true, 40],
    [12, true, 2500],
    [12, false, 20],
    [14, true, 10],
  ])("full indexes, lclusters of 2^%i bytes, big %s", (clusterBits, isBig, maxClusters) => {
    fc.assert(
      fc.property(
        extentsArbitrary(clusterBits, isBig, maxClusters),
        fc.nat(200),
        ({ extents, size }, shift) => {
          const index = 8 * shift
          const table = fullTable(extents, size, 2 ** clusterBits, isBig)
          const common = { size, blockBits: clusterBits, clusterBits, index, algorithms }
          checkExtents(
            new Mapper(at(index, table), { ...common, layout: FULL, advise: isBig ? BIG : 0 }),
            extents,
            2 ** clusterBits,
          )
        },
      ),
      { numRuns: 25 },
    )
  })

  it.each([
    [9, false, true, 4100],
    [9, true, true, 40],
    [12, true, true, 2500],
    [12, true, false, 60],
    [12, false, true, 60],
    [14, false, false, 20],
    [14, true, false, 20],
  ])(
    "compact indexes, lclusters of 2^%i bytes, big %s, narrow packs %s",
    (clusterBits, isBig, isNarrow, maxClusters) => {
      fc.assert(
        fc.property(
          extentsArbitrary(clusterBits, isBig, maxClusters),
          fc.nat(200),
          ({ extents, size }, shift) => {
            const index = 8 * shift
            const table = compactTable(extents, size, clusterBits, { start: index, isBig, isNarrow })
            const advise = (isBig ? BIG : 0) | (isNarrow ? NARROW : 0)
            const common = { size, blockBits: clusterBits, clusterBits, index, algorithms }
            checkExtents(
              new Mapper(at(index, table), { ...common, layout: COMPACT, advise }),
              extents,
              2 ** clusterBits,
            )
          },
        ),
        { numRuns: 40 },
      )
    },
  )

  const encoded = fc.record({
    length: fc.integer({ min: 1, max: 100_000 }),
    stored: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1 << 20 })),
    format: fc.integer({ min: 0, max: 4 }),
    isPartial: fc.boolean(),
    address: fc.nat(2 ** 40),
  })

  it.each([16, 32])("encoded extents of %i bytes", (recordSize) => {
    fc.assert(
      fc.property(fc.array(encoded, { minLength: 1, maxLength: 400 }), fc.nat(5000), (list, hole) => {
        const view = new DataView(new ArrayBuffer(list.length * recordSize))
        let start = hole
        const wanted = list.map(({ length, stored, format, isPartial, address }, i) => {
          // What is stored as it is takes as many bytes as it has.
          const bytes = format === 0 && stored ? Math.max(stored, length) : stored
          view.setUint32(i * recordSize, (bytes | (isPartial ? 2 ** 27 : 0) | (format << 28)) >>> 0, true)
          view.setBigUint64(i * recordSize + 4, BigInt(address), true)
          view.setUint32(i * recordSize + 12, start, true)
          start += length
          const stays = { logical: start - length, length }
          if (!bytes) return { ...stays, kind: "hole" }
          const kind = format ? "compressed" : "plain"
          return { ...stays, kind, physical: address, encodedLength: bytes, flags: isPartial ? 1 : 0 }
        })
        const mapper = new Mapper(at(96, new Uint8Array(view.buffer)), {
          ...{ layout: EXTENTS, size: start, blockBits: 12, clusterBits: 12, index: 96, advise: 1 },
          ...{ recordSize, extentCount: list.length },
        })
        if (hole > 0)
          expect(mapper.at(hole - 1)).toMatchObject({ logical: hole - 1, length: 1, kind: "hole" })
        for (const extent of wanted) {
          expect(mapper.at(extent.logical)).toMatchObject(extent)
          expect(mapper.at(extent.logical + extent.length - 1)).toMatchObject(extent)
        }
      }),
      { numRuns: 20 },
    )
  })

  it.each([16, 32])("a byte is found in few pages of a table of %i bytes a record", (recordSize) => {
    const random = new Random(recordSize)
    const count = 20_000
    const view = new DataView(new ArrayBuffer(count * recordSize))
    let size = 0
    for (let i = 0; i < count; i++) {
      view.setUint32(i * recordSize, (4096 | (1 << 28)) >>> 0, true)
      view.setUint32(i * recordSize + 12, size, true)
      size += random.between(1, 100_000)
    }
    const mapper = new Mapper(new Uint8Array(view.buffer), {
      ...{ layout: EXTENTS, size, blockBits: 12, clusterBits: 12, index: 0, advise: 1, recordSize },
      extentCount: count,
    })
    const touched = Array.from({ length: 60 }, () => mapper.pagesFor(random.below(size)))
    // A binary search touches eight of the table's pages, and nine of one that is twice as long.
    expect(Math.max(...touched)).toBeLessThanOrEqual(6)
    expect(touched.reduce((sum, pages) => sum + pages, 0) / touched.length).toBeLessThanOrEqual(3)
  })

  it.each([4, 8])("encoded extents of %i bytes", (recordSize) => {
    const clusterBits = 14
    const clusterSize = 2 ** clusterBits
    fc.assert(
      fc.property(
        fc.array(encoded, { minLength: 1, maxLength: 3000 }),
        fc.nat(clusterSize - 1),
        (list, tail) => {
          const size = (list.length - 1) * clusterSize + tail + 1
          const start = recordSize === 4 ? 8 : 0
          const view = new DataView(new ArrayBuffer(start + list.length * recordSize))
          let sum = 2 ** 33 + 5
          if (recordSize === 4) view.setBigUint64(0, BigInt(sum), true)
          const wanted = list.map(({ stored, format, address }, i) => {
            const length = Math.min(clusterSize, size - i * clusterSize)
            const bytes = format === 0 && stored ? Math.max(stored, length) : stored
            view.setUint32(start + i * recordSize, (bytes | (format << 28)) >>> 0, true)
            const physical = recordSize === 8 ? address % 2 ** 32 : sum
            if (recordSize === 8) view.setUint32(i * recordSize + 4, physical, true)
            sum += bytes
            const stays = { logical: i * clusterSize, length }
            if (!bytes) return { ...stays, kind: "hole" }
            return { ...stays, kind: format ? "compressed" : "plain", physical, encodedLength: bytes }
          })
          const mapper = new Mapper(at(64, new Uint8Array(view.buffer)), {
            ...{ layout: EXTENTS, size, blockBits: 12, clusterBits, index: 64, advise: 1, recordSize },
          })
          for (let i = 0; i < wanted.length; i += 7) {
            const extent = wanted[i] as (typeof wanted)[number]
            expect(mapper.at(extent.logical + extent.length - 1)).toMatchObject(extent)
          }
        },
      ),
      { numRuns: 12 },
    )
  })

  it("chunk tables, as block maps and as indexes of 32 and 48 bits", () => {
    const chunk = fc.record({
      block: fc.bigInt({ min: 0n, max: 2n ** 48n - 2n }),
      device: fc.nat(3),
      isHole: fc.boolean(),
    })
    const kinds = fc.constantFrom("map", "index", "index48")
    fc.assert(
      fc.property(
        fc.array(chunk, { minLength: 1, maxLength: 300 }),
        kinds,
        fc.nat(8191),
        (list, kind, tail) => {
          const chunkBits = 13
          const size = (list.length - 1) * 8192 + tail + 1
          const isIndex = kind !== "map"
          const view = new DataView(new ArrayBuffer(list.length * (isIndex ? 8 : 4)))
          const wanted = list.map(({ block, device, isHole }, i) => {
            const address = isHole ? 2n ** 48n - 1n : kind === "index48" ? block : block & 0xfffffffen
            if (isIndex) {
              view.setUint16(i * 8, kind === "index48" ? Number(address >> 32n) : 0xdead, true)
              view.setUint16(i * 8 + 2, device | 0xfffc, true)
            }
            view.setUint32(isIndex ? i * 8 + 4 : i * 4, Number(address & 0xffffffffn), true)
            return { isHole, physical: Number(address) * 4096, device: isIndex ? device : 0 }
          })
          const mapper = new Mapper(at(40, new Uint8Array(view.buffer)), {
            ...{ layout: CHUNK, size, blockBits: 12, clusterBits: chunkBits, index: 40, deviceMask: 3 },
            flags: (isIndex ? 8 : 0) | (kind === "index48" ? 16 : 0),
          })
          for (const [i, { isHole, physical, device }] of wanted.entries()) {
            const position = Math.min(i * 8192 + 5000, size - 1)
            const found = mapper.at(position)
            expect(found.logical).toBeLessThanOrEqual(position)
            expect(found.logical + found.length).toBe(Math.min((i + 1) * 8192, size))
            expect(found.kind).toBe(isHole ? "hole" : "raw")
            if (!isHole)
              expect([found.physical - found.logical, found.device]).toEqual([physical - i * 8192, device])
          }
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe("flat files and fragments", () => {
  it("lie in a row, the tail behind the inode", () => {
    const metadata = new Uint8Array(8192)
    const plain = new Mapper(metadata, { layout: FLAT, size: 10_000, start: 2 ** 45, blockBits: 12 })
    expect(plain.at(5000)).toMatchObject({
      logical: 5000,
      length: 5000,
      physical: 2 ** 45 + 5000,
      kind: "raw",
    })
    const hole = new Mapper(metadata, { layout: FLAT, size: 10_000, blockBits: 12, flags: 1 })
    expect(hole.at(0)).toMatchObject({ length: 10_000, kind: "hole" })
    const tail = new Mapper(metadata, {
      layout: FLAT,
      size: 10_000,
      start: 4096,
      tail: 500,
      blockBits: 12,
      flags: 2,
    })
    expect(tail.at(8191)).toMatchObject({ logical: 8191, length: 1, kind: "raw" })
    expect(tail.at(9999)).toMatchObject({ logical: 8192, length: 1808, physical: 500, kind: "inline" })
    const crossing = new Mapper(metadata, { layout: FLAT, size: 10_000, tail: 3000, blockBits: 12, flags: 2 })
    expect(FAILURES[crossing.status(9000)]?.[1]).toContain("crosses the end of its block")
  })

  it("lie within the packed inode, or not at all", () => {
    const fragment = { layout: FRAGMENT, size: 1000, fragment: 5000, blockBits: 12 }
    const metadata = new Uint8Array(64)
    const good = new Mapper(metadata, { ...fragment, packedSize: 6000 })
    expect(good.at(10)).toMatchObject({ logical: 10, length: 990, physical: 5010, kind: "fragment" })
    const reason = (mapper: Mapper) => FAILURES[mapper.status(0)]?.[1]
    expect(reason(new Mapper(metadata, { ...fragment, packedSize: 5999 }))).toContain(
      "outside the packed inode",
    )
    expect(reason(new Mapper(metadata, { ...fragment, packedSize: 10 }))).toContain(
      "outside the packed inode",
    )
    expect(reason(new Mapper(metadata, { ...fragment, packedSize: 6000, flags: 32 }))).toContain(
      "inside the packed inode",
    )
  })

  it("take the end of an indexed file, their offset's high half in the head", () => {
    const extents: TableExtent[] = [
      { start: 0, end: 5000, type: "head1", block: 9, blocks: 1 },
      { start: 5000, end: 20_000, type: "head1", block: 3, blocks: 1 },
    ]
    const mapper = new Mapper(at(0, fullTable(extents, 20_000, 4096, false)), {
      ...{ layout: FULL, size: 20_000, blockBits: 12, clusterBits: 12, index: 0, advise: FRAGMENT_TAIL },
      ...{ fragment: 77, packedSize: 2 ** 40 },
    })
    expect(mapper.at(4999)).toMatchObject({ logical: 0, physical: 9 * 4096, kind: "compressed" })
    expect(mapper.at(5000)).toMatchObject({
      logical: 5000,
      length: 15_000,
      physical: 3 * 2 ** 32 + 77,
      kind: "fragment",
    })
  })
})

describe("damage", () => {
  const known = new Set([OK, ...Object.keys(FAILURES).map(Number)])

  it("is answered with a status, in any table and any description", () => {
    const tables = fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 6000 }),
      // Records that look right: NONHEADs, heads, small numbers.
      fc
        .array(fc.constantFrom(0, 0, 1, 2, 3, 8, 0x20, 0x28, 0x10, 0xff), { maxLength: 6000 })
        .map((list) => Uint8Array.from(list)),
    )
    const word = fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 0xffffffff }))
    const wide = fc.oneof(fc.nat(200_000), fc.nat(Number.MAX_SAFE_INTEGER))
    const description = fc.record({
      layout: fc.integer({ min: 0, max: 5 }),
      size: wide.map((size) => size + 1).filter(Number.isSafeInteger),
      start: wide,
      tail: wide,
      index: fc.oneof(fc.nat(100), wide).map((value) => value - (value % 32)),
      fragment: wide,
      extentCount: fc.oneof(fc.nat(400), fc.nat(2 ** 48 - 1)),
      packedSize: wide,
      blockBits: fc.integer({ min: 9, max: 16 }),
      clusterBits: fc.integer({ min: 9, max: 14 }),
      advise: fc.nat(63),
      flags: fc.nat(63),
      algorithms: fc.nat(255),
      available: fc.nat(15),
      inlineSize: fc.nat(65535),
      recordSize: fc.constantFrom(4, 8, 16, 32),
      deviceMask: word,
    })
    fc.assert(
      fc.property(
        tables,
        description,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
        (table, d, places) => {
          const mapper = new Mapper(table, { ...d, advise: d.clusterBits > 12 ? d.advise & ~1 : d.advise })
          for (const place of places) {
            const position = Math.min(Math.floor(place * d.size), d.size - 1)
            const status = mapper.status(position)
            expect(known).toContain(status)
            if (status !== OK) continue
            const { logical, length } = mapper.at(position)
            expect(logical).toBeLessThanOrEqual(position)
            expect(logical + length).toBeGreaterThan(position)
          }
        },
      ),
      { numRuns: 1500 },
    )
  })

  it("of records that lead back for ever ends where the longest extent does", () => {
    // Every record a NONHEAD with its head one before.
    const table = new Uint8Array(1 << 20)
    const view = new DataView(table.buffer)
    for (let i = 0; i < table.length; i += 8) {
      view.setUint16(i, 2, true)
      view.setUint16(i + 4, 1, true)
      view.setUint16(i + 6, 1, true)
    }
    const size = (table.length / 8) * 4096
    const mapper = new Mapper(table, { layout: FULL, size, blockBits: 12, clusterBits: 12, index: 0 })
    expect(FAILURES[mapper.status(size - 1)]).toEqual(["ENOTSUP", "extent of more than 12 MiB"])
    expect(FAILURES[mapper.status(4096)]?.[0]).toBe("EUCLEAN")
  })
})

describe("tables that contradict themselves", () => {
  /** Encoded extents of 32 bytes with the given logical starts, each stored as it is in 4096 bytes. */
  const sorted = (starts: bigint[], size: number) => {
    const view = new DataView(new ArrayBuffer(starts.length * 32))
    for (const [i, start] of starts.entries()) {
      view.setUint32(i * 32, 4096, true)
      view.setUint32(i * 32 + 4, (i + 1) * 4096, true)
      view.setBigUint64(i * 32 + 12, start, true)
    }
    return new Mapper(at(64, new Uint8Array(view.buffer)), {
      ...{ layout: EXTENTS, size, blockBits: 12, clusterBits: 12, index: 64, advise: 7, recordSize: 32 },
      extentCount: starts.length,
    })
  }

  it("a start of all ones is damage, not a record that is still to be read", () => {
    const mapper = sorted([0n, 2n ** 64n - 1n, 8192n], 12288)
    expect(mapper.status(4096)).toBe(EXTENT_ORDER)
  })

  it("a head whose extent ends before the byte that leads to it is damage", () => {
    // Heads in lclusters 0 to 4; lcluster 5 leads back over all of them.
    const view = new DataView(new ArrayBuffer(6 * 8))
    for (let i = 0; i < 5; i++) {
      view.setUint16(i * 8, 1, true)
      view.setUint32(i * 8 + 4, i + 1, true)
    }
    view.setUint16(5 * 8, 2, true)
    view.setUint16(5 * 8 + 4, 5, true)
    view.setUint16(5 * 8 + 6, 1, true)
    const mapper = new Mapper(at(64, new Uint8Array(view.buffer)), {
      ...{ layout: FULL, size: 6 * 4096, blockBits: 12, clusterBits: 12, index: 64 },
    })
    expect(mapper.at(4 * 4096)).toMatchObject({ logical: 4 * 4096 })
    expect(mapper.status(5 * 4096)).toBe(LOOKBACK)
  })
})
