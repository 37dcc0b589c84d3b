// SPDX-License-Identifier: MIT
/** An image answers as node:fs does: codes, syscalls, paths; and both forms of every operation give the same. */
import { describe, expect, it } from "vitest"
import { bufferSource, ErofsError, encodeName, type Image, PagePool, type Target } from "../src/index.js"
import { fixtures, readFixture } from "./support/flat-image.js"
import { manifestOf, mountFixture, openFixture, sha256 } from "./support/open.js"
import { CountingSource, type Item, SyntheticImage } from "./support/synthetic-image.js"

const links: Record<string, Item> = Object.fromEntries(
  Array.from({ length: 42 }, (_, i): [string, Item] => [
    `link-${i}`,
    { kind: "link", target: i === 0 ? "file" : `link-${i - 1}` },
  ]),
)
const TREE: Item = {
  kind: "dir",
  entries: {
    ...links,
    loop: { kind: "link", target: "/loop" },
    up: { kind: "link", target: "../../../dir" },
    dangling: { kind: "link", target: "nothing/here" },
    dir: {
      kind: "dir",
      entries: { inner: { kind: "file", data: "inner bytes" }, back: { kind: "link", target: "../file" } },
    },
    empty: { kind: "file", data: "" },
    "empty-dir": { kind: "dir", entries: {} },
    fifo: { kind: "fifo" },
    file: { kind: "file", data: "the bytes of the file" },
    huge: { kind: "file", data: "x", size: 2 ** 52 },
    larger: { kind: "file", data: "x", size: Number.MAX_SAFE_INTEGER },
    ["n".repeat(255)]: { kind: "file", data: "long name" },
  },
}

async function openTree(): Promise<{ pool: PagePool; image: Image }> {
  const pool = await PagePool.create({ bytes: 1 << 20 })
  return { pool, image: pool.mountSync(new CountingSource(new SyntheticImage(TREE))) }
}

type Ask = [name: string, later: (i: Image) => Promise<unknown>, now: (i: Image) => unknown]

/** The same question in both forms. */
function ask(method: string, ...args: unknown[]): Ask {
  const call = (image: Image, name: string) =>
    (image as unknown as Record<string, (...all: unknown[]) => unknown>)[name]?.(...args)
  const shown = args
    .map((arg) => (typeof arg === "string" ? arg.slice(0, 20) : JSON.stringify(arg)))
    .join(" ")
  return [`${method} ${shown}`, async (i) => call(i, method), (i) => call(i, `${method}Sync`)]
}

describe("what cannot be done", () => {
  const cases: [Ask, code: string, syscall: string, path?: string][] = [
    [ask("open", "/none"), "ENOENT", "open"],
    [ask("open", ""), "ENOENT", "open"],
    [ask("readFile", "/dir/none"), "ENOENT", "readFile"],
    [ask("stat", "/dangling"), "ENOENT", "stat"],
    [ask("lstat", "/none/none"), "ENOENT", "lstat"],
    [ask("readdir", "/none"), "ENOENT", "readdir"],
    [ask("realpath", "/dangling"), "ENOENT", "realpath"],
    [ask("stat", "/file/x"), "ENOTDIR", "stat"],
    [ask("stat", "/file/.."), "ENOTDIR", "stat"],
    [ask("stat", "/file/"), "ENOTDIR", "stat"],
    [ask("stat", "/file/."), "ENOTDIR", "stat"],
    [ask("lstat", "/link-0/"), "ENOTDIR", "lstat"],
    [ask("readdir", "/file"), "ENOTDIR", "readdir"],
    [ask("open", "/dir"), "EISDIR", "open"],
    [ask("readFile", "/"), "EISDIR", "readFile"],
    [ask("open", "/fifo"), "EINVAL", "open"],
    [ask("open", "/link-0", { followSymlinks: false }), "EINVAL", "open"],
    [ask("readlink", "/file"), "EINVAL", "readlink"],
    [ask("stat", "/a\0b"), "EINVAL", "stat"],
    [ask("stat", "/loop"), "ELOOP", "stat"],
    [ask("stat", "/link-40"), "ELOOP", "stat"],
    [ask("readFile", "/link-41"), "ELOOP", "readFile"],
    [ask("stat", `/${"n".repeat(256)}`), "ENAMETOOLONG", "stat"],
    [ask("getxattr", "/file", "user.none"), "ENODATA", "getxattr"],
    [ask("stat", "/", { nonsense: 1 }), "ENOTSUP", "stat"],
    [ask("readFile", "/file", { encoding: "latin1" }), "ENOTSUP", "readFile"],
    [ask("readdir", "/", { encoding: "hex" }), "ENOTSUP", "readdir"],
    [ask("readdir", "/", { bigint: true }), "ENOTSUP", "readdir"],
    [ask("readlink", "/loop", { encoding: "hex" }), "ENOTSUP", "readlink"],
    [ask("realpath", "/", { recursive: true }), "ENOTSUP", "realpath"],
    [ask("open", "/file", { flags: "w" }), "ENOTSUP", "open"],
    [ask("describe", "/file", { all: true }), "ENOTSUP", "describe"],
    [ask("listxattr", "/file", { bigint: true }), "ENOTSUP", "listxattr"],
    [ask("getxattr", "/file", "user.x", { hidden: true }), "ENOTSUP", "getxattr"],
    [ask("readFile", "/larger"), "ENOMEM", "readFile"],
  ]

  it.each(cases.map(([[name], code], i) => [name.replaceAll("\0", "NUL"), code, i] as const))(
    "%s: %s",
    async (_, code, i) => {
      const [[name, later, now], , syscall] = cases[i] as (typeof cases)[number]
      const { pool, image } = await openTree()
      const path = name.split(" ")[1] as string
      const errors = [await later(image).catch((error: unknown) => error), caught(() => now(image))]
      for (const error of errors) {
        expect(error).toBeInstanceOf(ErofsError)
        expect(error).toMatchObject({ code, syscall })
        expect((error as ErofsError).path?.slice(0, 20)).toBe(path)
        expect((error as ErofsError).message).toMatch(new RegExp(`^${code}: .*, ${syscall} '`))
      }
      expect((errors[0] as ErofsError).message).toBe((errors[1] as ErofsError).message)
      expect(pool.stats().framesPinned).toBe(0)
      await image.close()
      expect(pool.stats().addressSpaces).toBe(0)
    },
  )

  it("once the image is closed is anything: EBADF", async () => {
    const { image } = await openTree()
    const file = image.openSync("/file")
    await image.close()
    await image.close()
    for (const [, later, now] of [
      ask("stat", "/"),
      ask("open", "/file"),
      ask("readdir", "/"),
      ask("exists", "/"),
    ]) {
      await expect(later(image)).rejects.toMatchObject({ code: "EBADF" })
      expect(caught(() => now(image))).toMatchObject({ code: "EBADF" })
    }
    expect(() => image.walkSync("/").next()).toThrow("EBADF")
    expect(caught(() => file.readSync(new Uint8Array(1)))).toMatchObject({
      code: "EBADF",
      syscall: "read",
      path: "/file",
    })
    expect(caught(() => file.statSync())).toMatchObject({ code: "EBADF", syscall: "fstat" })
    expect(caught(() => file.map())).toMatchObject({ code: "EBADF", syscall: "map" })
    file.closeSync()
  })
})

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe("paths", () => {
  it("lead where they do in Linux", async () => {
    const { image } = await openTree()
    const real = (path: string) => image.realpathSync(path)
    expect(real("/")).toBe("/")
    expect(real("..")).toBe("/")
    expect(real("//dir///./inner")).toBe("/dir/inner")
    expect(real("dir/../file")).toBe("/file")
    expect(real("/up/inner")).toBe("/dir/inner")
    expect(real("/dir/back")).toBe("/file")
    expect(real("/link-39")).toBe("/file")
    expect(image.readFileSync("/link-39", "utf8")).toBe("the bytes of the file")
    expect(image.lstatSync("/link-40").isSymbolicLink()).toBe(true)
    expect(image.readlinkSync("/up")).toBe("../../../dir")
    expect(image.statSync("/up/").isDirectory()).toBe(true)
    expect(image.readFileSync(`/${"n".repeat(255)}`, "utf8")).toBe("long name")
    expect(
      ["/file", "/dangling", "/loop", "/file/x", "/none", "/dir/"].map((path) => image.existsSync(path)),
    ).toEqual([true, false, false, false, false, true])
    expect(image.statSync("/none", { throwIfNoEntry: false })).toBeUndefined()
    expect(await image.lstat("/file/x", { throwIfNoEntry: false })).toBeUndefined()
  })

  it("are bytes, and nids are targets too", async () => {
    const { image, manifest } = await openFixture("bytes")
    const names = image.readdirSync("/", { encoding: "buffer" })
    expect(names.length).toBe(image.readdirSync("/").length)
    for (const [i, name] of names.entries()) {
      const text = image.readdirSync("/")[i] as string
      expect(encodeName(text)).toEqual(name)
      const path = new Uint8Array([0x2f, ...name])
      const entry = manifest[`/${text}`]
      expect(entry).toBeDefined()
      const stats = image.lstatSync(path)
      expect(stats.ino).toBe(image.lstatSync(`/${text}`).ino)
      const target: Target = { nid: stats.nid }
      expect(image.statSync(target).mode).toBe(stats.mode)
      if (entry?.type === "file") expect(sha256(image.readFileSync(target))).toBe(entry.sha256)
      if (entry?.type === "symlink") {
        expect(image.readlinkSync(path)).toBe(entry.target)
        expect(image.readlinkSync(path, { encoding: "buffer" })).toEqual(encodeName(entry.target as string))
      }
      expect(image.realpathSync(path, { encoding: "buffer" })[0]).toBe(0x2f)
    }
    expect(caught(() => image.statSync(Uint8Array.of(0x2f, 0xff, 0x01)))).toMatchObject({
      code: "ENOENT",
      path: "/\udcff\x01",
    })
  })
})

/** Everything that can be asked of a path, as plain values. */
function questionsOf(path: string, type: string, xattrs: string[]): Ask[] {
  const all = [
    ask("lstat", path, { bigint: true }),
    ask("lstat", path),
    ask("exists", path),
    ask("describe", path, { followSymlinks: false, extents: true }),
    ask("listxattr", path, { followSymlinks: false }),
    ask("listxattr", path, { followSymlinks: false, hidden: true, encoding: "buffer" }),
    ...xattrs.map((name) => ask("getxattr", path, name, { followSymlinks: false })),
  ]
  if (type === "file") all.push(ask("readFile", path), ask("readFile", path, "utf8"))
  if (type === "symlink") all.push(ask("readlink", path), ask("readlink", path, { encoding: "buffer" }))
  if (type === "dir") {
    all.push(
      ask("readdir", path),
      ask("readdir", path, { withFileTypes: true }),
      ask("readdir", path, { recursive: true, encoding: "buffer" }),
      ask("readdir", path, { recursive: true, withFileTypes: true, encoding: "buffer" }),
    )
  }
  return all
}

describe.each(fixtures.images.map(({ name }) => name))("%s", (name) => {
  it("answers the same at once and later, and what Linux sees", async () => {
    const { pool, image, manifest } = await openFixture(name)
    for (const [path, entry] of Object.entries(manifest)) {
      for (const [question, later, now] of questionsOf(path, entry.type, Object.keys(entry.xattrs))) {
        const answer = now(image)
        pool.drop()
        // As text: comparing large arrays element by element takes seconds.
        expect([question, textOf(await later(image)) === textOf(answer)]).toEqual([question, true])
      }
      const stats = image.lstatSync(path, { bigint: true })
      expect({
        mode: Number(stats.mode) & 0o7777,
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        nlink: Number(stats.nlink),
        size: Number(stats.size),
        mtime: [
          Number(stats.mtimeNs - (((stats.mtimeNs % 10n ** 9n) + 10n ** 9n) % 10n ** 9n)) / 1e9,
          Number(((stats.mtimeNs % 10n ** 9n) + 10n ** 9n) % 10n ** 9n),
        ],
      }).toEqual({
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        nlink: entry.nlink,
        size: entry.size,
        mtime: entry.mtime,
      })
      const xattrs = image.listxattrSync(path, { followSymlinks: false })
      expect(xattrs.toSorted()).toEqual(Object.keys(entry.xattrs).toSorted())
      for (const xattr of xattrs) {
        const value = image.getxattrSync(path, xattr, { followSymlinks: false })
        expect(Buffer.from(value).toString("base64")).toBe(entry.xattrs[xattr])
      }
      if (entry.type === "file")
        expect([path, sha256(image.readFileSync(path))]).toEqual([path, entry.sha256])
    }
    // Both walks meet every path, parents first.
    const walked = [...image.walkSync("/")]
    expect(walked.map((found) => found.path).toSorted()).toEqual(Object.keys(manifest).toSorted())
    const later: string[] = []
    for await (const found of image.walk("/")) later.push(found.path)
    expect(later).toEqual(walked.map((found) => found.path))
    for (const found of walked) {
      const at = later.indexOf(found.parentPath)
      expect(at).toBeLessThan(later.indexOf(found.path) || 1)
      expect(found.stats.nid).toBe(found.nid)
      expect(found.depth).toBe(found.path === "/" ? 0 : found.path.split("/").length - 1)
    }
    image.closeSync()
    // Pages of files with fingerprints stay for other images.
    pool.drop()
    expect(pool.stats()).toMatchObject({ framesPinned: 0, addressSpaces: 0 })
  })
})

describe("a walk", () => {
  it("goes as deep as it is told, and leaves out what the filter refuses", async () => {
    const { image } = await openTree()
    const paths = (path: string, options: object) =>
      [...image.walkSync(path, options)].map((entry) => entry.path)
    expect(paths("/", { depth: 0 })).toEqual(["/"])
    expect(paths("/dir", { depth: 5 })).toEqual(["/dir", "/dir/back", "/dir/inner"])
    expect(paths("/file", {})).toEqual(["/file"])
    const filter = ({ name }: { name: string }) => name !== "dir"
    expect(paths("/", { filter })).not.toContain("/dir/inner")
    expect(paths("/", { filter })).toContain("/empty-dir")
    expect(() => paths("/", { nonsense: 1 })).toThrow("ENOTSUP")
    expect(() => paths("/none", {})).toThrow("ENOENT")
  })
})

describe("stats", () => {
  it("answer as those of node:fs", async () => {
    const { image } = await openTree()
    const stats = image.statSync("/file")
    expect([stats.isFile(), stats.isDirectory(), stats.isFIFO()]).toEqual([true, false, false])
    expect(image.statSync("/fifo").isFIFO()).toBe(true)
    expect(stats).toMatchObject({ mode: 0o100644, size: 21, blksize: 4096, blocks: 8, nlink: 1, mtimeMs: 0 })
    expect(stats.mtime).toEqual(new Date(0))
    expect(image.statSync("/huge").size).toBe(2 ** 52)
    expect(image.statfsSync()).toEqual(await image.statfs())
    expect(image.statfsSync()).toMatchObject({ type: 0xe0f5e1e2n, bsize: 4096n, bfree: 0n })
  })

  it("refuse numbers that are not exact, and give them as bigint", async () => {
    const bytes = new SyntheticImage({
      kind: "dir",
      entries: { huge: { kind: "file", data: "x", size: 7 } },
    }).dense
    const at = 4096 + 64 + 8
    new DataView(bytes.buffer).setBigUint64(at, 2n ** 60n + 1n, true)
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = pool.mountSync(bufferSource(bytes))
    expect(image.statSync("/huge", { bigint: true }).size).toBe(2n ** 60n + 1n)
    expect(caught(() => image.statSync("/huge"))).toMatchObject({
      code: "EOVERFLOW",
      syscall: "stat",
      path: "/huge",
    })
    expect(caught(() => image.openSync("/huge"))).toMatchObject({ code: "EOVERFLOW", syscall: "open" })
    await expect(image.stat("/huge")).rejects.toMatchObject({ code: "EOVERFLOW" })
  })
})

describe("closing", () => {
  it("is refused while there are views, and names one", async () => {
    const { image } = await openTree()
    const file = image.openSync("/file")
    const views = [file.map(), file.map()]
    file.closeSync()
    expect(caught(() => image.closeSync())).toMatchObject({ code: "EBUSY", syscall: "close" })
    await expect(image.close()).rejects.toThrow("EBUSY: the image has 2 live views of '/file'")
    views[0]?.dispose()
    expect(caught(() => image.closeSync())).toMatchObject({
      message: "EBUSY: the image has 1 live view of '/file', close",
    })
    expect(views[1]?.textSync()).toBe("the bytes of the file")
    views[1]?.dispose()
    image.closeSync()
  })

  it("closes the sources, once, and by using", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    let closed = 0
    const source = () => ({ ...bufferSource(readFixture("bytes.erofs")), close: () => void closed++ })
    {
      using image = pool.mountSync(source())
      expect(image.existsSync("/")).toBe(true)
    }
    {
      await using image = await pool.mount(source())
      expect(await image.exists("/")).toBe(true)
      await image.close()
    }
    expect(closed).toBe(2)
    await pool.mount(source())
    await pool.close()
    expect(closed).toBe(3)
    expect(pool.images).toEqual([])
  })
})

describe("mounting", () => {
  it("refuses what is no image, and says what it is", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    expect(() => pool.mountSync(bufferSource(new Uint8Array(100)))).toThrow(
      "EINVAL: not an EROFS image: too short",
    )
    expect(() => pool.mountSync(bufferSource(new Uint8Array(5000)))).toThrow("EINVAL: not an EROFS image")
    const bytes = readFixture("bytes.erofs")
    const moved = new Uint8Array(bytes.length + 8192)
    moved.set(bytes, 8192)
    expect(() => pool.mountSync(bufferSource(moved))).toThrow("offset 8192")
    const damaged = bytes.slice()
    damaged[1024 + 16] = (damaged[1024 + 16] as number) ^ 1
    expect(() => pool.mountSync(bufferSource(damaged))).toThrow("EUCLEAN: superblock checksum")
    expect(pool.mountSync(bufferSource(damaged), { ignoreChecksum: true }).existsSync("/")).toBe(true)
    expect(() => pool.mountSync(bufferSource(bytes), { nonsense: true } as never)).toThrow(
      "ENOTSUP: option 'nonsense'",
    )
    expect(() => mountFixture(pool, "bytes", { devices: [bufferSource(bytes)] })).toThrow(
      "EINVAL: the image has 0 further",
    )
    expect(pool.images).toHaveLength(1)
  })

  it("that fails leaves nothing in the pool", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const none = bufferSource(new Uint8Array(8192))
    for (const [i, source] of [none, { ...none, size: -1 }, { ...none, size: 0.5 }].entries()) {
      expect(() => pool.mountSync(source, { domain: `domain ${i}` })).toThrow("EINVAL")
      await expect(pool.mount(source, { domain: `other ${i}` })).rejects.toMatchObject({ code: "EINVAL" })
    }
    expect(pool.stats()).toMatchObject({ addressSpaces: 0, framesUsed: 0, framesBusy: 0 })
  })

  it("without the further device reads what lies on the first, and names the missing one", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = mountFixture(pool, "chunk-blobdev", { devices: [] })
    const manifest = manifestOf("chunk-blobdev")
    expect([...image.walkSync("/")]).toHaveLength(Object.keys(manifest).length)
    expect(caught(() => image.readFileSync("/text"))).toMatchObject({ code: "EIO", path: "/text" })
    expect(() => image.readFileSync("/text")).toThrow(/device 1 .* was not given/)
    expect(pool.stats().framesPinned).toBe(0)
    expect(image.devices).toHaveLength(1)
  })
})

/** An answer as text: bytes in hex, bigints as digits. */
function textOf(answer: unknown): string {
  return JSON.stringify(answer, (_key, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value
  })
}
