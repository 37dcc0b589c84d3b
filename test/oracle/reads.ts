// SPDX-License-Identifier: MIT
/**
 * Compares random reads with those of Linux, in every way of reading and with pools of several sizes.
 *
 *     npm run oracle:reads -- IMAGE|DIR [COUNT] [SEED]
 *
 * COUNT (default 500) pieces per image and pool. DIR holds an index.json; IMAGE has no further devices. Only good
 * images are to be given: they are mounted. Last line: `N reads of N images, N wrong, N refused by Linux`.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { encodeName, PagePool, type PoolOptions } from "../../src/index.node.js"
import { type ListedImage, mountListed, readIndex } from "../support/image-set.js"
import { Random } from "../support/random.js"
import { mountKernel, whyNoMount } from "./kernel.js"
import { checkReads, type KnownFile } from "./read-ways.js"

const POOLS: readonly PoolOptions[] = [256 << 10, 1 << 20, 8 << 20, 64 << 20].flatMap((bytes) => [
  { bytes, shared: true },
  { bytes, shared: false },
])

const [path, countText = "500", seedText = "1"] = process.argv.slice(2)
if (path === undefined) {
  console.error("usage: oracle:reads IMAGE|DIR [COUNT] [SEED]")
  process.exit(2)
}
const reason = whyNoMount()
if (reason !== undefined) {
  console.log(`skipped: nothing can be mounted, ${reason}`)
  process.exit(0)
}
const totals = { reads: 0, images: 0, wrong: 0, refused: 0 }
const isFolder = statSync(path).isDirectory()
const folder = isFolder ? path : dirname(path)
const images = isFolder
  ? readIndex(path)
  : [{ name: basename(path), file: basename(path), manifest: "", extra: [], command: [] }]
for (const [i, listed] of images.entries()) await checkImage(listed, new Random(Number(seedText), i))
console.log(
  `${totals.reads} reads of ${totals.images} images, ${totals.wrong} wrong, ${totals.refused} refused by Linux`,
)
process.exitCode = totals.wrong > 0 ? 1 : 0

async function checkImage(listed: ListedImage, random: Random): Promise<void> {
  const devices = listed.extra.map((file) => join(folder, file))
  let mount: ReturnType<typeof mountKernel>
  try {
    mount = mountKernel(join(folder, listed.file), devices, listed.offset)
  } catch {
    totals.refused++
    return
  }
  const files: (KnownFile & { close(): void })[] = []
  try {
    totals.images++
    for (const pool of POOLS) {
      const failures = await checkPool(listed, pool, mount.path, files, random)
      totals.wrong += failures.length
      for (const failure of failures) {
        console.log(`${listed.name}, ${pool.bytes} bytes ${pool.shared ? "shared" : "plain"}: ${failure}`)
      }
    }
  } finally {
    for (const file of files) file.close()
    mount.close()
  }
}

async function checkPool(
  listed: ListedImage,
  options: PoolOptions,
  mounted: string,
  files: (KnownFile & { close(): void })[],
  random: Random,
): Promise<string[]> {
  await using pool = await PagePool.create(options)
  const image = await mountListed(pool, folder, listed)
  if (files.length === 0) {
    for (const entry of image.walkSync("/")) if (entry.isFile()) files.push(kernelFile(mounted, entry.path))
  }
  if (files.length === 0) return []
  const count = Number(countText)
  totals.reads += count
  const failures = await checkReads(image, files, count, random)
  const { framesPinned } = pool.stats()
  if (framesPinned > 0) failures.push(`${framesPinned} frames are still pinned`)
  return failures
}

/** A file of the mounted image. */
function kernelFile(mounted: string, path: string): KnownFile & { close(): void } {
  const fd = openSync(Buffer.concat([Buffer.from(mounted), encodeName(path)]), "r")
  const { size } = statSync(`/proc/self/fd/${fd}`)
  return {
    path,
    size,
    read(position, length) {
      const bytes = new Uint8Array(length)
      return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, position))
    },
    close: () => closeSync(fd),
  }
}
