// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { parseCompressionConfig } from "../../src/format/compression.js"
import { parseSuperblock } from "../../src/format/superblock.js"
import { fromHex, record } from "../support/bytes.js"
import { readFixture } from "../support/flat-image.js"

const block4096 = { blockSize: 4096 }

describe("compression configuration", () => {
  it("of an image with all four algorithms", () => {
    const bytes = readFixture("four-algorithms.head")
    const superblock = parseSuperblock(bytes.subarray(1024))
    expect(superblock.algorithms).toBe(0xf)
    let at = 1024 + superblock.size
    const configs = [0, 1, 2, 3].map((algorithm) => {
      at = Math.ceil(at / 4) * 4
      const length = bytes[at] as number
      const config = parseCompressionConfig(algorithm, bytes.subarray(at + 2, at + 2 + length), superblock)
      at += 2 + length
      return config
    })
    // Made with -C65536: lz4 pclusters of 16 blocks.
    expect(configs).toEqual([
      { algorithm: "lz4", maxDistance: 65535, maxPclusterBlocks: 16 },
      { algorithm: "lzma", dictionarySize: 262144 },
      { algorithm: "deflate", windowBits: 15 },
      { algorithm: "zstd", windowLog: 19 },
    ])
  })

  it("takes zeros for the defaults, and ignores what it does not know behind", () => {
    const lz4 = { algorithm: "lz4", maxDistance: 65535, maxPclusterBlocks: 1 }
    expect(parseCompressionConfig(0, new Uint8Array(14), block4096)).toEqual(lz4)
    expect(parseCompressionConfig(0, new Uint8Array(99), block4096)).toEqual(lz4)
    expect(parseCompressionConfig(2, new Uint8Array(6), block4096)).toEqual({
      algorithm: "deflate",
      windowBits: 15,
    })
    expect(parseCompressionConfig(3, new Uint8Array(6), block4096)).toEqual({
      algorithm: "zstd",
      windowLog: 10,
    })
  })

  it.each([
    ["short lz4", 0, new Uint8Array(13), "EUCLEAN"],
    ["short lzma", 1, record(13, [0, 4, 4096]), "EUCLEAN"],
    ["short deflate", 2, new Uint8Array(5), "EUCLEAN"],
    ["short zstd", 3, new Uint8Array(5), "EUCLEAN"],
    ["lz4 clusters above 1 MiB", 0, record(14, [2, 2, 257]), "EUCLEAN"],
    ["small lzma dictionary", 1, record(14, [0, 4, 4095]), "EUCLEAN"],
    ["big lzma dictionary", 1, record(14, [0, 4, (8 << 20) + 1]), "EUCLEAN"],
    ["lzma format", 1, record(14, [0, 4, 4096], [4, 2, 1]), "ENOTSUP"],
    ["small deflate window", 2, record(6, [0, 1, 7]), "EUCLEAN"],
    ["big deflate window", 2, record(6, [0, 1, 16]), "EUCLEAN"],
    ["zstd format", 3, record(6, [0, 1, 1]), "ENOTSUP"],
    ["big zstd window", 3, record(6, [1, 1, 11]), "EUCLEAN"],
    ["algorithm 4", 4, new Uint8Array(14), "ENOTSUP"],
  ])("refuses %s", (_, algorithm, payload, code) => {
    expect(() => parseCompressionConfig(algorithm, payload, block4096)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it("accepts the limits", () => {
    expect(parseCompressionConfig(0, record(14, [2, 2, 256]), block4096)).toMatchObject({
      maxPclusterBlocks: 256,
    })
    expect(parseCompressionConfig(1, record(14, [0, 4, 8 << 20]), block4096)).toMatchObject({
      dictionarySize: 8 << 20,
    })
    expect(parseCompressionConfig(2, fromHex("080000000000"), block4096)).toMatchObject({ windowBits: 8 })
    expect(parseCompressionConfig(3, fromHex("000a00000000"), block4096)).toMatchObject({ windowLog: 20 })
  })
})
