// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { Content } from "../src/content.js"
import { ContentDescription, LAYOUT_EXTENTS, LAYOUT_FLAT } from "../src/content-description.js"
import { Core, TAG_DEVICE, TAG_INODE } from "../src/core.js"
import { Devices } from "../src/devices.js"
import { driveSync } from "../src/drive.js"
import { Engine } from "../src/engine.js"
import type { SyncSource } from "../src/index.js"
import { readBytes } from "../src/read.js"
import { ReadAhead } from "../src/read-ahead.js"

const CLUSTER = 4096

/** A file of plain extents in a table of 4-byte records that fills the beginning of its device. */
async function tableOf(extents: number, claimed = extents, first = 2 ** 33, length = CLUSTER) {
  const engine = new Engine(await Core.create("plain", { frames: 512, spaces: 16, workers: 1 }), new Set())
  const tableBytes = 8 + 4 * extents
  const word = (offset: number) =>
    offset === 0 ? first % 2 ** 32 : offset === 4 ? Math.floor(first / 2 ** 32) : length
  const source: SyncSource = {
    size: first + extents * CLUSTER,
    readSync(target, offset) {
      const view = new DataView(target.buffer, target.byteOffset, target.length)
      for (let i = 0; i + 4 <= target.length; i += 4) {
        const at = offset + i
        // Data: every word says in which cluster it lies.
        view.setUint32(i, at < tableBytes ? word(at) : Math.floor((at - first) / CLUSTER), true)
      }
      return target.length
    },
  }
  const devices = new Devices(source, [], () => {})
  const device = new Content(
    described({
      space: engine.openSpace(key(TAG_DEVICE, 0, tableBytes)),
      layout: LAYOUT_FLAT,
      size: tableBytes,
      blockBits: 12,
      mount: 1,
    }),
    { devices, nid: undefined, metadata: undefined, packed: undefined },
  )
  const size = claimed * CLUSTER
  const file = new Content(
    described({
      space: engine.openSpace(key(TAG_INODE, 1, size)),
      layout: LAYOUT_EXTENTS,
      size,
      mount: 1,
      blockBits: 12,
      clusterBits: 12,
      advise: 1,
      recordSize: 4,
    }),
    { devices, nid: 5n, metadata: device, packed: undefined },
  )
  return { engine, file }
}

/** The key of a space of mount 1. */
function key(tag: number, byte: number, size: number) {
  return { tag, owner: 1, key: Uint8Array.of(byte), size, mount: 1, domain: 0 }
}

describe("a table of sums", () => {
  it("is added up to its end, however many readings that takes", async () => {
    // 64 readings of 32 KiB do not reach the end.
    const { engine, file } = await tableOf(700_000)
    const bytes = driveSync(readBytes(engine, file, 699_999 * CLUSTER + 8, 4))
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(699_999)
    const middle = driveSync(readBytes(engine, file, 350_000 * CLUSTER, 4))
    expect(new DataView(middle.buffer).getUint32(0, true)).toBe(350_000)
  })

  it("whose sums are all 0 is added up once, though it does not fit the pool", async () => {
    const { engine, file } = await tableOf(700_000, 700_000, 0, 0)
    expect(driveSync(readBytes(engine, file, 699_999 * CLUSTER, 4))).toEqual(new Uint8Array(4))
  })

  it("shorter than the file claims is damage, found at once", async () => {
    const { engine, file } = await tableOf(1000, 2 ** 40)
    expect(() => driveSync(readBytes(engine, file, (2 ** 40 - 1) * CLUSTER, 4))).toThrow(
      expect.objectContaining({ code: "EUCLEAN", nid: 5n, offset: (2 ** 40 - 1) * CLUSTER }),
    )
    const bytes = driveSync(readBytes(engine, file, 500 * CLUSTER, 4))
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(500)
  })
})

describe("read-ahead", () => {
  it("doubles while reads follow each other, to a limit, and ends with the first that does not", () => {
    const ahead = new ReadAhead()
    const wants: number[] = []
    for (let page = 0; page < 6; page++) {
      ahead.note(page, page + 1)
      wants.push(ahead.want(1))
    }
    expect(wants).toEqual([32, 64, 128, 256, 256, 256])
    ahead.note(100, 103)
    expect(ahead.want(3)).toBe(3)
    ahead.note(103, 104)
    expect(ahead.want(1)).toBe(32)
    expect(ahead.want(1000)).toBe(1000)
  })

  it("tells the next piece of a page from a new use of it", () => {
    const ahead = new ReadAhead()
    expect([
      ahead.note(0, 1),
      ahead.note(0, 1),
      ahead.note(0, 2),
      ahead.note(1, 2),
      ahead.note(5, 6),
    ]).toEqual([true, false, false, false, true])
  })
})

/** A description whose other fields are 0. */
function described(fields: Partial<ContentDescription>): ContentDescription {
  return Object.assign(new ContentDescription(), fields)
}
