// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import {
  checksumLength,
  describeForeign,
  parseSuperblock,
  peekSuperblock,
  type Superblock,
} from "../../src/format/superblock.js"
import { fromHex, record } from "../support/bytes.js"

type Fields = [number, 1 | 2 | 4 | 8, number | bigint][]

/** A superblock of 128 bytes and more, block size 4096, root nid 36. */
function superblock(...fields: Fields): Uint8Array {
  return record(4096 - 1024, [0, 4, 0xe0f5e1e2], [12, 1, 12], [14, 2, 36], ...fields)
}

function parse(...fields: Fields): Superblock {
  return parseSuperblock(superblock(...fields))
}

describe("an image as mkfs.erofs writes it", () => {
  // With fingerprints under the default name.
  const bytes = fromHex(`
    e2e1f5e05f311c0a370000000c0025001a000000000000000000000000000000000000000e0000000000000000000000
    000000000000400080000000e20f500100000000000000000000000000000000430000000800000000000001220100000000
    000000000000000000000000000000000000000000000000000000000000`)

  it("has all its fields", () => {
    expect(parseSuperblock(bytes)).toMatchObject({
      blockBits: 12,
      blockSize: 4096,
      size: 128,
      slotCount: 0,
      rootNid: 37,
      inodes: 26n,
      blocks: 14,
      uuid: "00000000-0000-4000-8000-0000e20f5001",
      volumeName: "",
      compat: 0x37,
      incompat: 0x43,
      checksum: 0x0a1c315f,
      hasCompressionConfigs: true,
      isZeroPadded: true,
      algorithms: 8,
      packedNid: 0,
      prefixCount: 1,
      prefixStart: 0x488,
      hasPlainPrefixes: true,
      hasXattrFilter: true,
      fingerprintPrefix: 0,
      metaboxNid: undefined,
      is48Bit: false,
      extraDevices: 0,
    })
  })
})

describe("fields that depend on features", () => {
  it("root and block count without 48BIT ignore the wide root", () => {
    expect(parse([36, 4, 0xfffffff0], [112, 8, 99])).toMatchObject({ rootNid: 36, blocks: 0xfffffff0 })
  })

  it("root and block count with 48BIT", () => {
    expect(parse([80, 4, 0x80], [36, 4, 5])).toMatchObject({ rootNid: 36, blocks: 5, is48Bit: true })
    expect(parse([80, 4, 0x80], [36, 4, 5], [112, 8, 0x1_0000_0063n])).toMatchObject({
      rootNid: 0x1_0000_0063,
      blocks: 5 + 36 * 2 ** 32,
    })
  })

  it("times: the epoch is signed, the build time counts with 48BIT", () => {
    expect(parse([24, 8, -5n], [108, 4, 7])).toMatchObject({ epoch: -5n, mkfsTime: -5n })
    expect(parse([80, 4, 0x80], [24, 8, -5n], [108, 4, 7])).toMatchObject({ epoch: -5n, mkfsTime: 2n })
  })

  it("algorithms without configuration records", () => {
    expect(parse()).toMatchObject({ algorithms: 0, hasCompressionConfigs: false })
    expect(parse([80, 4, 1])).toMatchObject({ algorithms: 1, lz4MaxDistance: 65535, isZeroPadded: true })
    expect(parse([84, 2, 4000])).toMatchObject({ algorithms: 1, lz4MaxDistance: 4000, isZeroPadded: false })
  })

  it("devices and prefixes only with their feature", () => {
    const fields: Fields = [
      [86, 2, 3],
      [88, 2, 9],
      [91, 1, 4],
    ]
    expect(parse(...fields)).toMatchObject({ extraDevices: 0, prefixCount: 0 })
    expect(parse([80, 4, 0x48], ...fields)).toMatchObject({
      extraDevices: 3,
      deviceTableOffset: 1152,
      prefixCount: 4,
    })
  })

  it("the name filter unless it is reserved", () => {
    expect(parse([8, 4, 4]).hasXattrFilter).toBe(true)
    expect(parse([8, 4, 4], [104, 1, 1]).hasXattrFilter).toBe(false)
    expect(parse().hasXattrFilter).toBe(false)
  })

  it("the metabox, the packed inode and where shared xattrs are", () => {
    const found = parse([8, 4, 8], [13, 1, 1], [80, 4, 0x120], [96, 8, 77], [128, 8, 50])
    expect(found).toMatchObject({ hasMetabox: true, metaboxNid: 50, packedNid: 77, size: 144 })
    expect(found).toMatchObject({ hasSharedXattrsInMetabox: true, hasFragments: true })
  })

  it("a volume name without terminator", () => {
    expect(parse([64, 8, 0x6161616161616161n], [72, 8, 0x6262626262626262n]).volumeName).toBe(
      "aaaaaaaabbbbbbbb",
    )
  })
})

describe("what is refused", () => {
  const refusals: [string, string, string, Fields][] = [
    ["another magic", "EINVAL", "not an EROFS image: no superblock", [[0, 4, 1]]],
    ["small blocks", "ENOTSUP", "block size of 2^8 bytes", [[12, 1, 8]]],
    ["big blocks", "ENOTSUP", "block size of 2^17 bytes", [[12, 1, 17]]],
    ["directory blocks of other sizes", "ENOTSUP", "directory blocks that are not one block", [[90, 1, 1]]],
    ["unknown features", "ENOTSUP", "unknown incompatible features 0x200, 0x10000", [[80, 4, 0x10201]]],
    ["too many slots", "EUCLEAN", "superblock of 4208 bytes does not fit", [[13, 1, 255]]],
    ["a metabox without its field", "EUCLEAN", "superblock is too short for a metabox", [[80, 4, 0x100]]],
    [
      "a metabox in itself",
      "EUCLEAN",
      "metabox lies within itself",
      [
        [80, 4, 0x100],
        [13, 1, 1],
        [128, 8, 1n << 63n],
      ],
    ],
    ["a packed inode in the metabox", "EUCLEAN", "packed inode lies in the metabox", [[96, 8, 1n << 63n]]],
    [
      "a root in no metabox",
      "EUCLEAN",
      "root lies in a metabox",
      [
        [80, 4, 0x80],
        [112, 8, 1n << 63n],
      ],
    ],
    [
      "a far root",
      "EUCLEAN",
      "nid lies beyond",
      [
        [80, 4, 0x80],
        [112, 8, 1n << 60n],
      ],
    ],
    [
      "unknown algorithms",
      "ENOTSUP",
      "bitmap 0x11",
      [
        [80, 4, 2],
        [84, 2, 0x11],
      ],
    ],
    [
      "a fingerprint prefix that is none",
      "EUCLEAN",
      "fingerprint prefix 2 is none of 2",
      [
        [8, 4, 0x20],
        [80, 4, 0x40],
        [91, 1, 2],
        [105, 1, 2],
      ],
    ],
    [
      "a fingerprint without prefixes",
      "EUCLEAN",
      "fingerprint prefix 0 is none of 0",
      [
        [8, 4, 0x20],
        [91, 1, 2],
      ],
    ],
  ]
  it.each(refusals)("%s", (_, code, reason, fields) => {
    expect(() => parse(...fields)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(reason) }),
    )
  })

  it("bytes that end early", () => {
    expect(() => parseSuperblock(superblock().subarray(0, 127))).toThrow(
      "EINVAL: not an EROFS image: too short",
    )
    expect(parseSuperblock(superblock().subarray(0, 128)).rootNid).toBe(36)
    const withSlot = superblock([13, 1, 1])
    expect(() => parseSuperblock(withSlot.subarray(0, 143))).toThrow(
      "EUCLEAN: superblock of 144 bytes does not fit",
    )
    expect(parseSuperblock(withSlot.subarray(0, 144)).slotCount).toBe(1)
  })
})

describe("checksum range", () => {
  it.each([
    [512, 512],
    [1024, 1024],
    [2048, 1024],
    [4096, 3072],
    [65536, 64512],
  ])("of blocks of %i bytes is %i", (blockSize, length) => {
    expect(checksumLength(blockSize)).toBe(length)
  })

  it("can be asked before the features are looked at", () => {
    const header = peekSuperblock(superblock([4, 4, 0xdeadbeef], [8, 4, 1], [13, 1, 2], [80, 4, 0xffffffff]))
    expect(header).toEqual({
      blockBits: 12,
      blockSize: 4096,
      compat: 1,
      checksum: 0xdeadbeef,
      hasChecksum: true,
      size: 160,
    })
  })
})

describe("describeForeign", () => {
  const at = (offset: number, bytes: string) => {
    const device = new Uint8Array(8192)
    device.set(Buffer.from(bytes, "latin1"), offset)
    return device
  }
  it.each([
    ["simg2img", at(0, "\x3a\xff\x26\xed")],
    ["squashfs", at(0, "hsqs")],
    ["ext4", at(1080, "\x53\xef")],
    ["gzip", at(0, "\x1f\x8b\x08")],
    ["zstd", at(0, "\x28\xb5\x2f\xfd")],
    ["xz", at(0, "\xfd7zXZ\0")],
    ["zip", at(0, "PK\x03\x04")],
    ["Android boot", at(0, "ANDROID!")],
    ["vbmeta", at(0, "AVB0")],
    ["tar", at(257, "ustar")],
  ])("knows %s", (name, bytes) => {
    expect(describeForeign(bytes)).toContain(name)
    expect(describeForeign(bytes.subarray(0, 1))).toBeUndefined()
  })

  it("finds an image further in", () => {
    const device = new Uint8Array(8192)
    device.set(superblock().subarray(0, 128), 4096 + 512)
    expect(describeForeign(device)).toBe(
      "erofs superblock found at offset 4608: the image begins at offset 3584",
    )
    for (const blockBits of [8, 17]) {
      device[4096 + 512 + 12] = blockBits
      expect(describeForeign(device)).toBeUndefined()
    }
  })
})
