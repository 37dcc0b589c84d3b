// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { PagePool } from "../../src/index.node.js"
import { mountListed, readExpected, readIndex } from "../support/image-set.js"
import { Random } from "../support/random.js"
import { isHuge } from "./huge.js"
import { checkReads, type KnownFile } from "./read-ways.js"

const FOLDER = fileURLToPath(new URL("../fixtures/images/", import.meta.url))
/** Images of which only the metadata is of interest have no files that are worth reading piece by piece. */
const images = readIndex(FOLDER).filter((one) => !isHuge(one) && !/^(small|many|meta|bytes)/.test(one.name))

const pools = [
  { bytes: 256 << 10, shared: true },
  { bytes: 1 << 20, shared: false },
]

/** The files of an image, read once as a whole; their digests are those that Linux sees. */
async function knownFiles(listed: (typeof images)[number]): Promise<KnownFile[]> {
  await using pool = await PagePool.create({ bytes: 16 << 20, shared: false })
  const image = await mountListed(pool, FOLDER, listed)
  const files: KnownFile[] = []
  for (const [path, { type, size, sha256 }] of readExpected(FOLDER, listed.manifest)) {
    if (type !== "file") continue
    const whole = image.readFileSync(path)
    expect(createHash("sha256").update(whole).digest("hex")).toBe(sha256)
    const read = (position: number, length: number) => whole.subarray(position, position + length)
    files.push({ path, size, read })
  }
  return files
}

describe("pieces of files, in every way of reading", () => {
  it.each(images)("of $name", async (listed) => {
    const files = await knownFiles(listed)
    for (const [i, options] of pools.entries()) {
      await using pool = await PagePool.create(options)
      const image = await mountListed(pool, FOLDER, listed)
      expect(await checkReads(image, files, 96, new Random(images.indexOf(listed), i))).toEqual([])
      expect(pool.stats().framesPinned).toBe(0)
    }
  })
})

describe("the comparison", () => {
  it("sees one wrong byte and a wrong length", async () => {
    const listed = images.find(({ name }) => name === "lz4-c65536")
    if (!listed) throw new Error("no such image")
    const files = await knownFiles(listed)
    const large = files.filter(({ size }) => size > 60_000)
    const wrong = large.map((file): KnownFile => {
      const read = (position: number, length: number): Uint8Array => {
        const bytes = Uint8Array.from(file.read(position, length))
        if (bytes.length > 0) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
        return bytes
      }
      return { ...file, read }
    })
    const short = large.map(
      (file): KnownFile => ({ ...file, read: (position, length) => file.read(position, length).subarray(1) }),
    )
    await using pool = await PagePool.create({ bytes: 8 << 20 })
    const image = await mountListed(pool, FOLDER, listed)
    for (const files of [wrong, short]) {
      const failures = await checkReads(image, files, 200, new Random(1))
      const ways = new Set(failures.map((line) => /, (\w+):/.exec(line)?.[1]))
      expect(ways.size).toBe(11)
    }
  })
})
