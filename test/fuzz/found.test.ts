// SPDX-License-Identifier: MIT
/** What damaged images once brought about, each in its smallest form. */
import { fileURLToPath } from "node:url"
import { beforeAll, expect, it } from "vitest"
import { type AsyncSource, bufferSource, type Image, isErofsError, PagePool } from "../../src/index.js"
import { readIndex } from "../support/image-set.js"
import { fixChecksum } from "./checksum.js"
import { type Field, type Subject, subjectOf } from "./structures.js"

const FOLDER = fileURLToPath(new URL("../fixtures/images/", import.meta.url))
const subjects = new Map<string, Subject>()

beforeAll(async () => {
  for (const listed of readIndex(FOLDER)) {
    if (
      /^(layer1|lz4-all-fragments|lz4-dedupe-fragments|lz4-ztailpacking|share-new-metabox|small-48bit)$/.test(
        listed.name,
      )
    ) {
      subjects.set(listed.name, await subjectOf(FOLDER, listed))
    }
  }
})

function subject(name: string): Subject {
  const found = subjects.get(name)
  if (!found) throw new Error(`no image ${name}`)
  return found
}

/** The first field of a kind. */
function fieldOf({ fields }: Subject, kind: string): Field {
  const found = [...fields.values()].flat().find((field) => field.kind === kind)
  if (!found) throw new Error(`no field ${kind}`)
  return found
}

/** The image with one field set. */
function changed(from: Subject, { at, width }: Field, value: bigint): Uint8Array<ArrayBuffer> {
  const bytes = from.bytes.slice()
  for (let i = 0; i < width; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn)
  fixChecksum(bytes)
  return bytes
}

async function mounted(bytes: Uint8Array, use: (image: Image) => unknown): Promise<void> {
  await using pool = await PagePool.create({ bytes: 4 << 20, shared: false })
  await use(await pool.mount(bufferSource(bytes)))
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return isErofsError(error) ? error.code : String(error)
  }
}

it("a directory of 2^32 bytes is given up after 64 blocks that are not there", async () => {
  const from = subject("layer1")
  await mounted(changed(from, fieldOf(from, "directory inode i_size"), 2n ** 32n - 1n), (image) => {
    const errors: unknown[] = []
    const found = [...image.walkSync("/", { onError: (error) => errors.push(error) })]
    expect(found.length).toBeGreaterThan(0)
    expect(errors.length).toBeGreaterThan(0)
    expect(errors.length).toBeLessThanOrEqual(64)
  })
})

it("a page is read though the image ends before what would be read ahead", async () => {
  const { bytes } = subject("layer1")
  await mounted(bytes, async (good) => {
    const extents = good.describeSync("/bin/tool", { extents: true }).extents ?? []
    const cut = (extents[0]?.offset ?? 0) + 4096
    const page = good.readFileSync("/bin/tool").subarray(0, 4096)
    expect(extents[0]).toMatchObject({ kind: "raw", position: 0 })
    await mounted(bytes.slice(0, cut), (image) => {
      using file = image.openSync("/bin/tool")
      const read = new Uint8Array(4096)
      expect(file.readSync(read, 0)).toBe(4096)
      expect(Buffer.compare(read, page)).toBe(0)
      expect(codeOf(() => file.readSync(read, 4096))).toBe("EIO")
    })
  })
})

it("a page is read though the fragment behind it is not there", async () => {
  const { bytes } = subject("lz4-dedupe-fragments")
  await mounted(bytes, async (good) => {
    const [entry] = [...good.walkSync("/")].filter((one) => {
      const extents = good.describeSync(one, { extents: true }).extents ?? []
      return extents.length > 1 && extents[0]?.kind === "plain" && extents.at(-1)?.kind === "fragment"
    })
    if (!entry) throw new Error("no such file")
    const extents = good.describeSync(entry, { extents: true }).extents ?? []
    const page = good.readFileSync(entry).subarray(0, 4096)
    // The packed inode's data lies behind that of the files.
    const cut = Math.max(...extents.map(({ kind, offset = 0 }) => (kind === "plain" ? offset + 4096 : 0)))
    await mounted(bytes.slice(0, cut), (image) => {
      using file = image.openSync({ nid: entry.nid })
      const read = new Uint8Array(4096)
      expect(file.readSync(read, 0)).toBe(4096)
      expect(Buffer.compare(read, page)).toBe(0)
    })
  })
})

it("an entry that leads into a metabox is damage where there is none", async () => {
  const from = subject("layer1")
  const entries = [...(from.fields.get("dirent") ?? [])].filter(
    ({ kind, width }) => kind === "dirent nid" && width === 8,
  )
  // The first two are "." and "..".
  const at = entries[2]?.at ?? 0
  await mounted(changed(from, { kind: "", at: at + 7, width: 1, nid: undefined }, 0x80n), (image) => {
    expect(codeOf(() => [...image.walkSync("/")])).toBe("EUCLEAN")
    expect(codeOf(() => image.statSync({ nid: 1n << 63n }))).toBe("EUCLEAN")
  })
})

it("a metabox with attributes does not look for its fingerprint in itself", async () => {
  const from = subject("share-new-metabox")
  const inode = [...(from.fields.get("special inode") ?? [])].filter(({ kind }) =>
    kind.endsWith("i_xattr_icount"),
  )
  for (const field of inode) {
    await using pool = await PagePool.create({ bytes: 4 << 20 })
    expect([undefined, "EUCLEAN"]).toContain(
      codeOf(() => pool.mountSync(bufferSource(changed(from, field, 256n)))),
    )
  }
  expect(inode).toHaveLength(2)
})

it("many readers of one damaged page learn that it is damaged", async () => {
  const from = subject("lz4-all-fragments")
  const bytes = from.bytes.slice()
  for (const { kind, at, length } of from.data) {
    if (kind === "compressed") bytes.fill(0xff, at, at + length)
  }
  const now = bufferSource(bytes)
  const source: AsyncSource = {
    size: now.size,
    async read(target, offset) {
      await new Promise(setImmediate)
      return now.readSync(target, offset)
    },
  }
  await using pool = await PagePool.create({ bytes: 4 << 20, shared: false })
  const image = await pool.mount(source)
  const outcomes = await Promise.allSettled(Array.from({ length: 300 }, () => image.readFile("/text-16k")))
  const codes = outcomes.map((one) => (one.status === "rejected" ? String(one.reason?.code) : "data"))
  expect(new Set(codes)).toEqual(new Set(["EUCLEAN"]))
})

it("a record of encoded extents that begins before the one in front of it is damage", async () => {
  const { bytes } = subject("share-new-metabox")
  await mounted(bytes, async (good) => {
    const packed = { nid: BigInt(good.superblock.packedNid) }
    const { position, isExtended, index, extents = [] } = good.describeSync(packed, { extents: true })
    expect(index).toBe("extents-16")
    expect(extents.length).toBeGreaterThan(4)
    const header = position + (isExtended ? 64 : 32)
    const table = Math.ceil((header + 8) / 16) * 16
    const damaged = bytes.slice()
    new DataView(damaged.buffer).setUint32(table + 16 * 3 + 12, (extents[1]?.position ?? 0) + 1, true)
    fixChecksum(damaged)
    await mounted(damaged, (image) => {
      using file = image.openSync(packed)
      const { position: third = 0, length = 0 } = extents[3] ?? {}
      expect(length).toBeGreaterThan(12_288)
      const inside = Math.ceil(third / 4096) * 4096 + 4096
      expect(() => file.readSync(new Uint8Array(10), inside)).toThrow(
        "EUCLEAN: encoded extents are out of order",
      )
      expect(codeOf(() => file.readSync(new Uint8Array(10), 0))).toBe(undefined)
    })
  })
})

it("files whose indexes no reader can map leave no address space behind", async () => {
  const from = subject("lz4-ztailpacking")
  const bytes = changed(from, fieldOf(from, "superblock blkszbits"), 13n)
  await using pool = await PagePool.create({ bytes: 4 << 20, shared: false })
  const image = await pool.mount(bufferSource(bytes))
  const codes = [...image.walkSync("/")]
    .filter((entry) => entry.isFile())
    .map((entry) => codeOf(() => image.openSync(entry).closeSync()))
  expect(codes).toContain("EUCLEAN")
  image.closeSync()
  pool.drop()
  expect(pool.stats().addressSpaces).toBe(0)
})

it("of two attributes with one name only the first is listed", async () => {
  const from = subject("small-48bit")
  const ids = [...from.fields.values()].flat().filter(({ kind }) => kind === "xattr shared id")
  const second = ids.find(({ at }) => ids.some((other) => other.at === at - 4)) as Field
  const first = BigInt(new DataView(from.bytes.buffer).getUint32(second.at - 4, true))
  const nid = second.nid as bigint
  await mounted(from.bytes, async (good) => {
    const names = good.listxattrSync({ nid }, { hidden: true })
    await mounted(changed(from, second, first), (image) => {
      const left = image.listxattrSync({ nid }, { hidden: true })
      expect(left.length).toBe(names.length - 1)
      expect(new Set(left).size).toBe(left.length)
    })
  })
})
