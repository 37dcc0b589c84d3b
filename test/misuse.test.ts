// SPDX-License-Identifier: MIT
/** What plain JavaScript may give instead of what the types ask for: errors of this package, and nothing that seems to work. */
import { beforeEach, describe, expect, it } from "vitest"
import { type Image, isErofsError, type OpenFile, PagePool } from "../src/index.js"
import { mountFixture } from "./support/open.js"

/** Values as a program without types has them. */
// biome-ignore lint/suspicious/noExplicitAny: that is what is tested
type Anything = any

/** Shared memory, as pages that are not isolated have it, too. */
const SHARED = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer

let pool: PagePool
let image: Image
let file: OpenFile

beforeEach(async () => {
  pool = await PagePool.create({ bytes: 1 << 20 })
  image = mountFixture(pool, "lz4-legacy")
  file = image.openSync("/text-300k")
})

/** The error that something ends with, thrown or as the end of a promise. */
async function errorOf(use: () => unknown): Promise<unknown> {
  try {
    await use()
  } catch (error) {
    return error
  }
  return undefined
}

async function expectInvalid(use: () => unknown): Promise<void> {
  const error = await errorOf(use)
  expect(isErofsError(error, "EINVAL"), String(error)).toBe(true)
}

describe("reading", () => {
  it.each<[string, Anything]>([
    ["an ArrayBuffer", new ArrayBuffer(8)],
    ["a SharedArrayBuffer", SHARED],
    ["a DataView", new DataView(new ArrayBuffer(8))],
    ["an array of larger elements", new Uint16Array(8)],
    ["a list", [1, 2]],
    ["text", "text"],
    ["null", null],
    ["nothing", undefined],
  ])("into %s is refused", async (_, into) => {
    for (const options of [{}, { direct: true }]) {
      await expectInvalid(() => file.read(into, 0, options))
      await expectInvalid(() => file.readSync(into, 0, options))
    }
    expect(await errorOf(() => file.readSync(into))).toMatchObject({ syscall: "read", path: "/text-300k" })
  })

  it("into bytes of any kind works", () => {
    const wanted = image.readFileSync("/text-300k").subarray(0, 8)
    for (const into of [
      new Uint8Array(8),
      Buffer.alloc(8),
      new Uint8Array(SHARED, 8, 8),
      new Uint8ClampedArray(8),
    ]) {
      expect(file.readSync(into as Anything)).toBe(8)
      expect([...into]).toEqual([...wanted])
    }
  })

  it.each<Anything>(["3", null, true, [], {}, Number.NaN, -1, 1.5, -1n, Number.POSITIVE_INFINITY])(
    "from %o on is refused",
    async (position) => {
      const where = { code: "EINVAL", path: "/text-300k" }
      expect(await errorOf(() => file.read(new Uint8Array(8), position))).toMatchObject(where)
      expect(await errorOf(() => file.readSync(new Uint8Array(8), position))).toMatchObject(where)
      expect(await errorOf(() => file.map(position))).toMatchObject(where)
    },
  )

  it("maps no length that is no number", async () => {
    for (const length of [10n, "4", {}] as Anything[]) await expectInvalid(() => file.map(0, length))
  })
})

describe("an image", () => {
  it.each<Anything>([undefined, null, 5, {}, [], { nid: 1 }, { nid: "x" }, true])(
    "has nothing at %j",
    async (target) => {
      await expectInvalid(() => image.stat(target))
      await expectInvalid(() => image.statSync(target))
      await expectInvalid(() => image.openSync(target))
      await expectInvalid(() => image.readFile(target))
      await expectInvalid(() => image.listxattr(target))
      if (!Array.isArray(target)) await expectInvalid(() => image.realpath(target))
    },
  )
})

describe("a pool", () => {
  it("mounts nothing but sources, into domains with names", async () => {
    for (const source of [undefined, null, 5, "image.erofs", {}] as Anything[]) {
      await expectInvalid(() => pool.mount(source))
      await expectInvalid(() => pool.mountSync(source))
    }
    const source = { size: 8192, readSync: () => 0 }
    await expectInvalid(() => pool.mountSync(source, { domain: 5 as Anything }))
    expect(pool.stats()).toMatchObject({ framesBusy: 0 })
  })

  it("is attached to by handles only", async () => {
    for (const handle of [undefined, null, 5, {}, [], { port: 5 }] as Anything[]) {
      await expectInvalid(() => PagePool.attach(handle))
    }
  })
})
