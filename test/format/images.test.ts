// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import xxhash from "xxhash-wasm"
import { findDirent, firstName, parseDirentBlock } from "../../src/format/dirent.js"
import { ALGORITHM_NAMES, compatNames, incompatNames } from "../../src/format/features.js"
import { LAYOUT_NAMES } from "../../src/format/inode.js"
import { fileTypeOf, isDirectory } from "../../src/format/mode.js"
import { encodeName } from "../../src/format/names.js"
import {
  checksumLength,
  describeForeign,
  parseSuperblock,
  peekSuperblock,
  verifyChecksum,
} from "../../src/format/superblock.js"
import { filterBit, fullName, splitName } from "../../src/format/xattr.js"
import { type Fixture, FlatImage, fixtures, readFixture, readManifest } from "../support/flat-image.js"

const all = [...fixtures.images, ...fixtures.heads]
const hashes = await xxhash()

describe.each(all)("superblock of $name", ({ file, superblock: expected }: Fixture) => {
  const bytes = readFixture(file).subarray(1024)
  const superblock = parseSuperblock(bytes)

  it("says what an independent reader says", () => {
    expect({
      block_size: superblock.blockSize,
      blocks: superblock.blocks,
      inodes: Number(superblock.inodes),
      epoch: Number(superblock.epoch),
      fixed_nsec: superblock.fixedNanoseconds,
      sb_extslots: superblock.slotCount,
      meta_blkaddr: superblock.metaBlock,
      extra_devices: superblock.extraDevices,
      xattr_prefix_count: superblock.prefixCount,
      volume_name: superblock.volumeName,
      compat: compatNames(superblock.compat),
      incompat: incompatNames(superblock.incompat),
      algorithms: superblock.hasCompressionConfigs
        ? ALGORITHM_NAMES.filter((_, bit) => (superblock.algorithms >> bit) & 1)
        : [],
    }).toEqual(expected)
    expect(superblock.uuid).toBe("00000000-0000-4000-8000-0000e20f5001")
  })

  it("has a right checksum, and a flipped bit makes it wrong", () => {
    const length = checksumLength(superblock.blockSize)
    const range = bytes.slice(0, length)
    if (range.length < length) {
      expect(() => verifyChecksum(range, superblock)).toThrow("EUCLEAN: first block is cut short")
      return
    }
    verifyChecksum(range, peekSuperblock(range))
    for (const at of [8, 100, length - 1]) {
      const damaged = range.slice()
      damaged[at] = (damaged[at] as number) ^ 0x10
      expect(() => verifyChecksum(damaged, superblock)).toThrow("EUCLEAN: superblock checksum")
    }
  })

  it("is no foreign format", () => {
    expect(describeForeign(readFixture(file))).toBe(
      "erofs superblock found at offset 1024: the image begins at offset 0",
    )
  })
})

describe.each(fixtures.images)("tree of $name", (fixture: Fixture) => {
  const image = FlatImage.fixture(fixture)
  const manifest = readManifest(fixture.manifest)
  const found = image.walk()

  it("has the paths of the manifest, and every inode what the kernel shows", () => {
    expect(found.map(({ path }) => path).sort()).toEqual(Object.keys(manifest).sort())
    for (const { path, inode } of found) {
      const { link_of, ...expected } = manifest[path] as NonNullable<(typeof manifest)[string]>
      const actual = image.describe(inode)
      // Compressed content is not for the parsers to read.
      if (inode.layout === 1 || inode.layout === 3) delete expected.sha256
      expect({ path, ...actual }).toEqual({ path, ...expected })
    }
  })

  it("has hard links where the manifest says so, and only there", () => {
    const nids = new Map(found.map(({ path, inode }) => [path, inode.nid]))
    const linked = Object.entries(manifest).filter(([, entry]) => entry.link_of !== undefined)
    for (const [path, { link_of }] of linked) expect(nids.get(path)).toBe(nids.get(link_of as string))
    expect(new Set(nids.values()).size).toBe(found.length - linked.length)
  })

  it("has the data layouts that an independent reader counted", () => {
    const counts: Record<string, number> = {}
    for (const inode of new Map(found.map(({ inode }) => [inode.nid, inode])).values()) {
      const kind = `${LAYOUT_NAMES[inode.layout]} ${inode.isExtended ? "extended" : "compact"}`
      counts[kind] = (counts[kind] ?? 0) + 1
    }
    expect(counts).toEqual(fixture.layouts)
  })

  it("finds every dirent by name, and none that is not there", () => {
    for (const { inode } of found.filter(({ inode }) => isDirectory(inode.mode))) {
      for (const block of image.blocks(inode)) {
        const dirents = parseDirentBlock(block)
        expect(firstName(block)).toEqual(dirents[0]?.name)
        for (const dirent of dirents) {
          expect(findDirent(block, dirent.name)).toEqual(dirent)
          expect(dirent.type).toBe(fileTypeOf(image.inode(dirent.nid).mode))
          expect(findDirent(block, new Uint8Array([...dirent.name, 1]))).toBeUndefined()
        }
      }
    }
  })

  it("has name filters that admit every xattr", () => {
    if (!image.superblock.hasXattrFilter) return
    const prefixes = image.prefixes()
    for (const { inode } of found) {
      const filter = image.xattrBody(inode)?.nameFilter ?? 0
      for (const entry of image.xattrEntries(inode)) {
        const { baseIndex, rest } = splitName(fullName(entry, prefixes)?.name as Uint8Array)
        expect((filter >>> filterBit(baseIndex, rest, hashes.h32Raw)) & 1).toBe(0)
      }
    }
  })
})

describe("what only some images have", () => {
  const open = (name: string) =>
    FlatImage.fixture(fixtures.images.find((image) => image.name === name) as Fixture)

  it("directories without an entry for themselves", () => {
    const dots = (name: string) => {
      const image = open(name)
      return image
        .walk()
        .filter(({ inode }) => isDirectory(inode.mode))
        .map(({ inode }) => ({
          isDotOmitted: inode.isDotOmitted,
          hasDot: image.blocks(inode).some((block) => findDirent(block, encodeName(".")) !== undefined),
        }))
    }
    expect(dots("small-dot-omitted").every(({ isDotOmitted, hasDot }) => isDotOmitted && !hasDot)).toBe(true)
    expect(dots("small-48bit").every(({ isDotOmitted, hasDot }) => !isDotOmitted && hasDot)).toBe(true)
  })

  it("hidden fingerprints: sha256: and the digest of the content", () => {
    const image = open("share-new-default-name")
    const manifest = readManifest("share-new-default-name.json")
    expect(image.superblock.fingerprintPrefix).toBe(0)
    let count = 0
    for (const { path, inode } of image.walk()) {
      const { type, size, sha256 } = manifest[path] as NonNullable<(typeof manifest)[string]>
      const hidden = image.xattrs(inode, true)
      if (type !== "file" || size === 0) {
        expect(hidden).toEqual({})
        continue
      }
      const value = Buffer.concat([Buffer.from("sha256:"), Buffer.from(sha256 as string, "hex")])
      expect(hidden).toEqual({ "erofs.fingerprint.v1": value.toString("base64") })
      count++
    }
    expect(count).toBeGreaterThan(10)
  })

  it("a root in the metabox", () => {
    const superblock = parseSuperblock(readFixture("small-metabox-plain.head").subarray(1024))
    expect(superblock).toMatchObject({
      hasMetabox: true,
      is48Bit: true,
      slotCount: 1,
      size: 144,
      rootNid: 2 ** 52,
    })
    expect(superblock.mkfsTime).toBe(1700000000n)
    expect(superblock.metaboxNid).toBeLessThan(2 ** 20)
  })
})
