// SPDX-License-Identifier: MIT
/** Sidecars: fingerprints for images that were made without, bound to one image. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Sidecar, writeSidecar } from "../src/format/sidecar.js"
import { type AsyncSource, bufferSource, PagePool } from "../src/index.js"
import { buildImage, directory, file, symlink } from "./support/build-image.js"
import { cli, fixturePath, scratch } from "./support/cli.js"
import { readFixture } from "./support/flat-image.js"
import { filesOf, manifestOf, mountFixture, openFixture, sha256 } from "./support/open.js"
import { Random } from "./support/random.js"
import { StallingSource } from "./support/synthetic-image.js"

const newPool = () => PagePool.create({ bytes: 4 << 20 })

/** Sidecar of a fixture, made in a pool of its own. */
async function sidecarOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const { image } = await openFixture(name, { bytes: 1 << 20 })
  return image.fingerprintsSync()
}

describe("a sidecar", () => {
  it.each([
    "lz4-ztailpacking",
    "small-metabox-lz4",
    "zstd-all-fragments",
    "chunk-4k-indexes",
    "share-old-plain",
  ])("of %s knows the digest of every file that is not empty, as the kernel reads it", async (name) => {
    const { image, manifest } = await openFixture(name, { bytes: 1 << 20 })
    const progress: number[][] = []
    const bytes = await image.fingerprints({
      onProgress: (p) => progress.push([p.files, p.totalFiles, p.bytes, p.totalBytes]),
    })
    expect(image.fingerprintsSync()).toEqual(bytes)
    const sidecar = new Sidecar(bytes)
    const nids = new Set<bigint>()
    for (const path of filesOf(manifest)) {
      using open = image.openSync(path)
      const { nid } = open
      nids.add(nid)
      const digest = sidecar.find(nid)
      const { sha256: expected, link_of: linkOf } = manifest[path] as { sha256?: string; link_of?: string }
      const known = expected ?? (linkOf && manifest[linkOf]?.sha256)
      expect([path, digest && Buffer.from(digest).toString("hex")]).toEqual([path, known])
    }
    expect(sidecar.count).toBe(nids.size)
    expect(bytes.length).toBe(64 + 40 * nids.size)
    const last = progress.at(-1) as number[]
    expect(last[0]).toBe(last[1])
    expect(last[2]).toBe(last[3])
    expect(last[1]).toBe(nids.size)
    expect(sidecar.find(2n ** 64n - 1n)).toBeUndefined()
  })

  it("makes images share that carry no fingerprints, with those that do too", async () => {
    const content = new Random(1).bytes(30 * 4096 + 5)
    const plain = (name: string) =>
      buildImage(
        directory({ [name]: file(content), [`${name}2`]: file(content), own: file(name.repeat(9000)) }),
      )
    const pool = await newPool()
    const images = await Promise.all(
      ["a", "b"].map(async (name) => {
        const alone = pool.mountSync(bufferSource(plain(name)))
        const fingerprints = alone.fingerprintsSync()
        alone.closeSync()
        return pool.mountSync(bufferSource(plain(name)), { fingerprints })
      }),
    )
    const claim = Buffer.concat([Buffer.from("sha256:"), Buffer.from(sha256(content), "hex")])
    const marked = buildImage(
      directory({ c: file(content, { xattrs: { "user.fp": new Uint8Array(claim) } }) }),
    )
    const third = pool.mountSync(bufferSource(marked), { fingerprint: "user.fp" })
    const paths = ["/a", "/a2", "/b", "/b2", "/c"]
    for (const [i, path] of paths.entries()) {
      const image = [...images, third][Math.floor(i / 2)]
      expect(Buffer.compare(image?.readFileSync(path) as Uint8Array, content)).toBe(0)
      expect(image?.describeSync(path).fingerprint).toEqual(new Uint8Array(claim))
    }
    expect(pool.stats()).toMatchObject({ pagesShared: 31, pagesSaved: 4 * 31 })
  })

  it("is worth what the image's own fingerprints are, believed and verified", async () => {
    const names = ["share-old-plain", "share-new-lz4"]
    const saved: number[] = []
    for (const options of [{}, { sidecar: true }, { sidecar: true, trust: "verify" as const }]) {
      const { sidecar, ...rest } = options as { sidecar?: boolean; trust?: "verify" }
      const pool = await newPool()
      for (const name of names) {
        const fingerprints = sidecar ? await sidecarOf(name) : undefined
        const image = mountFixture(pool, name, fingerprints ? { ...rest, fingerprints } : rest)
        const manifest = manifestOf(name)
        for (const path of filesOf(manifest))
          expect(sha256(image.readFileSync(path))).toBe(manifest[path]?.sha256)
      }
      saved.push(pool.stats().pagesSaved)
    }
    expect(saved[0]).toBeGreaterThan(20)
    expect(saved).toEqual([saved[0], saved[0], saved[0]])
  })

  it("that lies is found out where it is verified", async () => {
    const { image } = await openFixture("share-old-plain")
    const nid = image.statSync("/lib/lib02.so", { bigint: true }).ino
    const superblock = readFixture("share-old-plain.erofs").subarray(1024, 1024 + 128)
    const { blocks, blockSize } = image.superblock
    const lying = writeSidecar({ superblock, bytes: blocks * blockSize }, [
      { nid, digest: new Uint8Array(32) },
    ])
    const pool = await newPool()
    const careful = mountFixture(pool, "share-old-plain", { fingerprints: lying, trust: "verify" })
    expect(sha256(careful.readFileSync("/lib/lib02.so"))).toBe(
      manifestOf("share-old-plain")["/lib/lib02.so"]?.sha256,
    )
    expect(pool.stats().forgeries).toMatchObject([{ nid, path: "/lib/lib02.so", claim: "0".repeat(64) }])
  })

  it("comes from a source too, read once and closed", async () => {
    const bytes = await sidecarOf("share-old-plain")
    const pool = await newPool()
    let closed = 0
    const now = { ...bufferSource(bytes), close: () => void closed++ }
    mountFixture(pool, "share-old-plain", { fingerprints: now })
    const stalling = StallingSource.of(bytes)
    const later: AsyncSource = {
      size: bytes.length,
      read: (target, offset, options) => stalling.read(target, offset, options as { signal?: AbortSignal }),
      close: () => void closed++,
    }
    await pool.mount(bufferSource(readFixture("share-old-plain.erofs")), { fingerprints: later })
    expect(closed).toBe(2)
    expect(() => mountFixture(pool, "share-old-plain", { fingerprints: later })).toThrow("ENOTSUP")
  })
})

describe("a sidecar that does not belong to the image", () => {
  it.each([
    ["another superblock", "share-new-plain"],
    ["another size", "lz4-ztailpacking"],
  ])("is refused, saying why: %s", async (reason, other) => {
    const pool = await newPool()
    const fingerprints = await sidecarOf("share-old-plain")
    expect(() => mountFixture(pool, other, { fingerprints })).toThrow(
      expect.objectContaining({ code: "EINVAL", reason: `the sidecar belongs to an image with ${reason}` }),
    )
    expect(pool.images).toEqual([])
    pool.drop()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
  })

  it("is told by UUID, size and superblock", async () => {
    const small = buildImage(directory({ a: file("text") }))
    const large = buildImage(directory({ a: file("text".repeat(5000)) }))
    const older = small.slice()
    // The time it was made.
    older[1024 + 24] = 77
    const stranger = large.slice()
    stranger[1024 + 48] = 1
    const pool = await newPool()
    const fingerprints = pool.mountSync(bufferSource(small)).fingerprintsSync()
    const mount = (bytes: Uint8Array) => pool.mountSync(bufferSource(bytes), { fingerprints })
    expect(() => mount(stranger)).toThrow("EINVAL: the sidecar belongs to an image with another UUID")
    expect(() => mount(large)).toThrow("EINVAL: the sidecar belongs to an image with another size")
    expect(() => mount(older)).toThrow("EINVAL: the sidecar belongs to an image with another superblock")
    expect(mount(small).readFileSync("/a", "utf8")).toBe("text")
  })
})

describe("a damaged sidecar", () => {
  it("is EUCLEAN, whatever byte of it is changed or missing", async () => {
    const good = await sidecarOf("share-old-plain")
    for (let at = 0; at < good.length; at += at < 80 ? 1 : 37) {
      const bad = good.slice()
      bad[at] = (bad[at] as number) ^ 0x40
      const code = at >= 8 && at < 12 ? "ENOTSUP" : "EUCLEAN"
      expect(() => new Sidecar(bad), `byte ${at}`).toThrow(expect.objectContaining({ code }))
    }
    for (const length of [0, 7, 8, 63, 64, 65, good.length - 1]) {
      expect(() => new Sidecar(good.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "EUCLEAN" }),
      )
    }
    const longer = new Uint8Array(good.length + 40)
    longer.set(good)
    expect(() => new Sidecar(longer)).toThrow("cut short or has bytes too many")
  })

  it("whose entries are out of order, or twice there, is EUCLEAN", () => {
    const superblock = new Uint8Array(128)
    const twice = [1n, 1n].map((nid) => ({ nid, digest: new Uint8Array(32) }))
    expect(() => new Sidecar(writeSidecar({ superblock, bytes: 1 }, twice))).toThrow("out of order")
  })

  it("costs no memory by what it claims", async () => {
    const pool = await newPool()
    const huge = { size: 2 ** 40, readSync: () => 0 }
    expect(() => mountFixture(pool, "share-old-plain", { fingerprints: huge })).toThrow("EINVAL: sidecar of")
  })
})

describe("what cannot be read", () => {
  it("ends it, or is left out where somebody wants to be told", async () => {
    const { manifest, image: good } = await openFixture("lz4-ztailpacking")
    const bytes = readFixture("lz4-ztailpacking.erofs").slice()
    const path = "/text-300k"
    const extent = good.describeSync(path, { extents: true }).extents?.[1]
    bytes.fill(0xff, extent?.offset, (extent?.offset as number) + (extent?.encodedLength as number))
    const pool = await newPool()
    const image = pool.mountSync(bufferSource(bytes), { ignoreChecksum: true })
    await expect(image.fingerprints()).rejects.toMatchObject({ code: "EUCLEAN", path: expect.any(String) })
    const lost: string[] = []
    const sidecar = new Sidecar(image.fingerprintsSync({ onError: (_, where) => void lost.push(where) }))
    expect(lost).toContain(path)
    expect(sidecar.find(image.statSync(path, { bigint: true }).ino)).toBeUndefined()
    const others = new Set(filesOf(manifest).map((one) => good.statSync(one, { bigint: true }).ino))
    expect(sidecar.count).toBe(others.size - lost.length)
    const controller = new AbortController()
    const given = good.fingerprints({
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    })
    await expect(given).rejects.toThrow("enough")
    expect(() => good.fingerprintsSync({ threads: 2 } as object)).toThrow("ENOTSUP")
  })
})

describe("erofs-wasm fingerprint", () => {
  it("writes the sidecar, to a file or standard output, with progress", async () => {
    const image = fixturePath("share-old-lz4.erofs")
    const expected = await sidecarOf("share-old-lz4")
    const path = join(scratch(), "image.fingerprints")
    const { code, stderr } = await cli(["fingerprint", image, "-o", path, "--progress=json"])
    expect(code).toBe(0)
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0)
    const [last] = stderr.trim().split("\n").slice(-1)
    const { entries, total } = JSON.parse(last as string) as { entries: number; total: number }
    expect(entries).toBe(total)
    expect(entries).toBe(new Sidecar(expected).count)
    const piped = await cli(["fingerprint", image, "-o", "-"])
    expect(Buffer.compare(piped.stdout, expected)).toBe(0)
  })

  it("is wrong usage without -o, or to a terminal; leaves no file when it fails", async () => {
    const image = fixturePath("share-old-lz4.erofs")
    expect(await cli(["fingerprint", image])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("-o FILE"),
    })
    const terminal = await cli(["fingerprint", image, "-o", "-"], { isTerminal: true })
    expect(terminal).toMatchObject({ code: 2, stderr: expect.stringContaining("terminal") })
    const folder = scratch()
    const bytes = readFixture("lz4-ztailpacking.erofs").slice()
    const good = (await openFixture("lz4-ztailpacking")).image
    const extent = good.describeSync("/text-300k", { extents: true }).extents?.[1]
    bytes.fill(0xff, extent?.offset, (extent?.offset as number) + (extent?.encodedLength as number))
    writeFileSync(join(folder, "bad.erofs"), bytes)
    const bad = ["fingerprint", join(folder, "bad.erofs"), "-o", join(folder, "out")]
    expect((await cli(bad)).code).toBe(1)
    expect(() => readFileSync(join(folder, "out"))).toThrow("ENOENT")
    const going = await cli([...bad, "--keep-going"])
    expect(going.code).toBe(1)
    expect(new Sidecar(new Uint8Array(readFileSync(join(folder, "out")))).count).toBeGreaterThan(5)
  })
})

it("has nothing to say of what is no file", async () => {
  const pool = await newPool()
  const root = directory({ link: symlink("/empty"), empty: file(""), sub: directory({}) })
  const sidecar = new Sidecar(pool.mountSync(bufferSource(buildImage(root))).fingerprintsSync())
  expect(sidecar.count).toBe(0)
})
