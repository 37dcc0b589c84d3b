// SPDX-License-Identifier: MIT
/** Random options for mkfs.erofs 1.9: everything that changes what is written. */
import type { Random } from "../support/random.js"

/** How one image is made. */
export interface MkfsPlan {
  options: string[]
  /** Whether the data goes into a further device beside the image. */
  hasBlob: boolean
  /** Make a tarball of the tree first, in this mode of `--tar`. */
  tar: "f" | "i" | undefined
}

/** Options that mkfs may still refuse in this combination. */
export function randomPlan(random: Random): MkfsPlan {
  const blockSize = random.chance(55) ? 4096 : random.pick([512, 1024, 2048])
  const kind = random.below(10)
  const tar = random.chance(8) ? (kind < 6 ? "f" : "i") : undefined
  if (tar === "i") return { options: ["--tar=i", ...common(random)], hasBlob: false, tar }
  const options = [`-b${blockSize}`, ...common(random)]
  const extended: string[] = []
  let hasBlob = false
  if (kind < 7) options.push(...compression(random, blockSize, extended))
  else if (kind < 9) hasBlob = chunks(random, blockSize, options, extended)
  else if (random.chance(50)) extended.push("^inline_data")
  if (random.chance(30) && !extended.includes("48bit")) extended.push("48bit")
  if (random.chance(15)) extended.push("dot-omitted")
  if (random.chance(15)) extended.push(random.pick(["force-inode-compact", "force-inode-extended"]))
  if (random.chance(8)) extended.push("nosbcrc")
  if (random.chance(8)) extended.push("^xattr-name-filter")
  if (random.chance(8)) extended.push("plain-xattr-prefixes")
  if (random.chance(18)) {
    const algorithm =
      kind < 7 && random.chance(30)
        ? `:${(options.find((o) => o.startsWith("-z")) ?? "").split(/[:,]/)[0]?.slice(2)}`
        : ""
    options.push(`-m${blockSize * random.pick([1, 2, 4])}${algorithm}`)
  }
  if (random.chance(12)) options.push(`--MZ=${random.pick(["i", "d", "id"])}`)
  if (extended.length > 0) options.push(`-E${extended.join(",")}`)
  if (tar) options.push(`--tar=${tar}`)
  return { options, hasBlob, tar }
}

function compression(random: Random, blockSize: number, extended: string[]): string[] {
  const options = [`-z${algorithm(random)}`]
  const clusterSize = blockSize * (random.chance(50) ? 1 : random.pick([2, 4, 8, 16, 64, 256]))
  if (clusterSize > blockSize) options.push(`-C${clusterSize}`)
  if (random.chance(30)) extended.push("ztailpacking")
  if (random.chance(35)) {
    extended.push(random.pick(["fragments", "all-fragments", `fragments=${blockSize * 4}`]))
    if (random.chance(25)) extended.push(random.pick(["^fragdedupe", "fragdedupe=full", "fragdedupe=inode"]))
  }
  if (random.chance(25)) extended.push("dedupe")
  if (random.chance(15)) extended.push("legacy-compress")
  if (random.chance(20)) {
    // Extents that are not longer than a pcluster come out wrong in images with indexes: no reader reads them.
    options.push(`--max-extent-bytes=${clusterSize * random.pick([2, 4, 16])}`)
  } else if (random.chance(10)) {
    extended.push("48bit")
    options.push(`--max-extent-bytes=-${blockSize * random.pick([1, 2, 4])}`)
  }
  if (random.chance(15)) options.push("--zD")
  return options
}

function algorithm(random: Random): string {
  const dictionary = random.pick([4096, 32768, 65536])
  switch (random.below(7)) {
    case 0:
    case 1:
      return "lz4"
    case 2:
      return `lz4hc,level=${random.between(0, 12)}`
    case 3:
      return random.pick([
        "lzma",
        `lzma,level=${random.pick([0, 1, 3, 100])},dictsize=${dictionary}`,
        `lzma,level=1,lc=${random.below(3)},lp=${random.below(3)},pb=${random.below(5)}`,
      ])
    case 4:
      return random.pick([
        "deflate",
        `deflate,level=${random.between(0, 9)},dictsize=${Math.min(dictionary, 32768)}`,
      ])
    case 5:
      return `libdeflate,level=${random.between(0, 10)}`
    default:
      return random.pick([
        "zstd",
        `zstd,level=${random.between(0, 15)}`,
        `zstd,level=3,dictsize=${dictionary}`,
      ])
  }
}

/** Chunk-based files. Answers whether their data goes into a further device. */
function chunks(random: Random, blockSize: number, options: string[], extended: string[]): boolean {
  options.push(`--chunksize=${blockSize * random.pick([1, 2, 8, 16, 64])}`)
  if (random.chance(50)) extended.push(random.pick(["force-inode-blockmap", "force-chunk-indexes"]))
  return random.chance(35)
}

/** What every kind of image may have. */
function common(random: Random): string[] {
  const options = ["--quiet", "-U00000000-0000-4000-8000-000000000001"]
  if (random.chance(50)) options.push("-T1600000000", ...(random.chance(50) ? ["--mkfs-time"] : []))
  else if (random.chance(20)) options.push("--ignore-mtime")
  if (random.chance(40)) options.push(`-x${random.pick([-1, 0, 1, 5, 1000])}`)
  if (random.chance(20)) options.push("--xattr-prefix=user.org.", "--xattr-prefix=trusted.t")
  if (random.chance(15)) {
    options.push(
      random.pick([
        "--xattr-inode-digest",
        "--xattr-inode-digest=trusted.erofs.fingerprint",
        "--xattr-inode-digest=user.fp",
      ]),
    )
  }
  if (random.chance(6)) options.push("--all-root")
  if (random.chance(6)) options.push(`--uid-offset=${random.pick([1, 70_000])}`)
  if (random.chance(6)) options.push("--hard-dereference")
  if (random.chance(6)) options.push("--root-xattr-isize=600")
  if (random.chance(6)) options.push("--dsunit=4")
  if (random.chance(6)) options.push("--fsalignblks=16")
  return options
}
