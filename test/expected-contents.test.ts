// SPDX-License-Identifier: MIT
/** What sources are told of contents that will be read in a row: what is missing, once, and until the reading ends. */
import { createHash } from "node:crypto"
import { beforeEach, describe, expect, it } from "vitest"
import { ContentReader } from "../src/cli/content-reader.js"
import { roundOf } from "../src/cli/crew.js"
import { manifestEntries } from "../src/cli/manifest.js"
import { bufferSource, type MountOptions, PagePool } from "../src/index.node.js"
import { type BuildNode, buildImage, directory, file } from "./support/build-image.js"
import { Random } from "./support/random.js"

const SIZE = 300_000
const FILES = 12
const random = new Random(31)

/** A file that tells its digest. */
function claiming(): BuildNode {
  const bytes = random.bytes(SIZE)
  const digest = createHash("sha256").update(bytes).digest()
  return file(bytes, {
    xattrs: { "user.fp": new Uint8Array(Buffer.concat([Buffer.from("sha256:"), digest])) },
  })
}

const entries = Object.fromEntries(
  Array.from({ length: FILES }, (_, i) => [`file-${i}`, claiming()] as const),
)
/** Every file has three names. */
const renamed = Object.entries(entries).flatMap(([name, node]) => [
  [`a-${name}`, node] as const,
  [`z-${name}`, node] as const,
])
const IMAGE = buildImage(directory({ ...entries, ...Object.fromEntries(renamed) }))

/** A source that answers slowly, with what it was told. */
class ToldSource {
  readonly size = IMAGE.length
  readonly isRemote = true
  readonly told: { offset: number; length: number; signal: AbortSignal | undefined }[] = []
  isBroken = false

  async read(target: Uint8Array, offset: number): Promise<number> {
    if (this.isBroken) throw new Error("no network")
    return bufferSource(IMAGE).readSync(target, offset)
  }

  expect(offset: number, length: number, { signal }: { signal?: AbortSignal | undefined } = {}): void {
    this.told.push({ offset, length, signal })
  }

  get bytesTold(): number {
    return this.told.reduce((sum, { length }) => sum + length, 0)
  }

  /** Whether something was told, and nothing of it holds any more. */
  get isForgotten(): boolean {
    return this.told.length > 0 && this.told.every(({ signal }) => signal?.aborted)
  }
}

let pool: PagePool
async function mount(options: MountOptions = {}) {
  const source = new ToldSource()
  return { source, image: await pool.mount(source, options) }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

beforeEach(async () => {
  pool = await PagePool.create({ bytes: 16 << 20 })
})

describe("contents that will be read", () => {
  it("are told once, and not when they are in the pool", async () => {
    const { source, image } = await mount()
    await readAll(image.tar("/"))
    expect(source.bytesTold).toBeGreaterThanOrEqual(FILES * SIZE)
    expect(source.bytesTold).toBeLessThan((FILES + 1) * SIZE)
    const told = source.told.length
    await readAll(image.tar("/"))
    await image.fingerprints()
    await readAll(manifestEntries(image))
    expect(source.told).toHaveLength(told)
  })

  it("are told as far as they are missing", async () => {
    const { source, image } = await mount()
    for (let i = 1; i < FILES; i++) await image.readFile(`/file-${i}`)
    const open = await image.open("/file-0")
    await open.read(new Uint8Array(4096), 0)
    await readAll(image.tar("/"))
    expect(source.told).toHaveLength(1)
    expect(source.bytesTold).toBeLessThan(SIZE)
    await open.close()
  })

  it("are not told where a mounted image shares them", async () => {
    const options = { trust: "image", fingerprint: "user.fp" } as const
    const first = await mount(options)
    await readAll(first.image.tar("/"))
    const second = await mount(options)
    await readAll(second.image.tar("/"))
    expect(first.source.told.length).toBeGreaterThan(0)
    expect(second.source.told).toEqual([])
  })

  it("are not told where each is verified first", async () => {
    const { source, image } = await mount({ trust: "verify", fingerprint: "user.fp" })
    await readAll(image.tar("/"))
    expect(source.told).toEqual([])
  })

  it("are told once an inode by a manifest", async () => {
    const { source, image } = await mount()
    await readAll(manifestEntries(image))
    expect(source.bytesTold).toBeLessThan((FILES + 1) * SIZE)
    expect(source.isForgotten).toBe(true)
  })
})

describe("contents that will not be read any more are forgotten", () => {
  it("when an archive is complete", async () => {
    const { source, image } = await mount()
    await readAll(image.tar("/"))
    expect(source.isForgotten).toBe(true)
  })

  it("when it is cancelled", async () => {
    const { source, image } = await mount()
    for await (const _ of image.tar("/")) break
    expect(source.isForgotten).toBe(true)
  })

  it("when it is aborted", async () => {
    const { source, image } = await mount()
    const stop = new AbortController()
    const reading = (async () => {
      for await (const _ of image.tar("/", { signal: stop.signal })) stop.abort(new Error("enough"))
    })()
    await expect(reading).rejects.toThrow("enough")
    expect(source.isForgotten).toBe(true)
  })

  it("when it ends with an error", async () => {
    const { source, image } = await mount()
    const reading = (async () => {
      for await (const _ of image.tar("/")) source.isBroken = true
    })()
    await expect(reading).rejects.toMatchObject({ code: "EIO" })
    expect(source.isForgotten).toBe(true)
  })

  it("when fingerprints or a manifest are given up", async () => {
    const hashed = await mount()
    const onProgress = () => {
      hashed.source.isBroken = true
    }
    await expect(hashed.image.fingerprints({ onProgress })).rejects.toMatchObject({ code: "EIO" })
    expect(hashed.source.isForgotten).toBe(true)
    const described = await mount()
    for await (const [path] of manifestEntries(described.image)) if (path.endsWith("file-0")) break
    expect(described.source.isForgotten).toBe(true)
  })

  it("when a check ends, at its end or with a file that cannot be read", async () => {
    for (const isBroken of [false, true]) {
      const { source, image } = await mount()
      const jobs = []
      for await (const { nid, path, stats } of image.walk("/")) {
        if (stats.isFile()) jobs.push({ nid, path, size: Number(stats.size), isHashed: true })
      }
      const sizes = jobs.map(({ size }) => size)
      const reader = new ContentReader(image, { maxDamages: 1, endsWithDamage: true, isLocal: false })
      const onProgress = () => {
        source.isBroken = isBroken
      }
      const reports = await reader.work(roundOf(jobs, sizes), onProgress, { isAlone: true })
      expect(reports.some(({ damages }) => damages.length > 0)).toBe(isBroken)
      expect(source.isForgotten).toBe(true)
      await image.close()
    }
  })
})
