// SPDX-License-Identifier: MIT
/** What inodes keep: address spaces come back, whatever was let go while it was in use. */
import { describe, expect, it } from "vitest"
import { Core } from "../src/core.js"
import { driveSync } from "../src/drive.js"
import { Engine } from "../src/engine.js"
import { PagePool, type WalkEntry } from "../src/index.js"
import { mountImage } from "../src/mount.js"
import { CountingSource, type Item, SyntheticImage } from "./support/synthetic-image.js"

/** A tree of directories with empty files in them. */
function tree(directories: number, files: number): SyntheticImage {
  const entries = Object.fromEntries(
    Array.from({ length: directories }, (_, d): [string, Item] => [
      `d${d}`,
      {
        kind: "dir",
        entries: Object.fromEntries(Array.from({ length: files }, (_, f) => [`f${f}`, { kind: "fifo" }])),
      },
    ]),
  )
  return new SyntheticImage({ kind: "dir", entries })
}

describe("address spaces", () => {
  it("of a tree larger than what is kept come back when it has been walked", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = pool.mountSync(new CountingSource(tree(200, 60)))
    const first = [...image.walkSync("/")].length
    expect(first).toBe(1 + 200 + 200 * 60)
    expect([...image.walkSync("/")]).toHaveLength(first)
    // No more than the inodes that are kept at the same time.
    expect(pool.stats().addressSpaces).toBeLessThanOrEqual(210)
    image.closeSync()
    expect(pool.stats()).toMatchObject({ addressSpaces: 0, framesUsed: 0, framesPinned: 0 })
  })

  it("that are only kept for later are given up when there are no others", async () => {
    const engine = new Engine(
      await Core.create("plain", { frames: 256, spaces: 40, workers: 1 }),
      new Set(["fingerprint"]),
    )
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i): [string, Item] => [`f${i}`, { kind: "file", data: `content ${i}` }]),
    )
    const image = new SyntheticImage({ kind: "dir", entries: files })
    const mounted = [0, 1, 2].map(() => {
      const source = new CountingSource(image)
      return driveSync(mountImage(engine, source, {}, () => 0))
    })
    for (const filesystem of [...mounted, ...mounted]) {
      for (let i = 0; i < 30; i++) {
        const { node } = driveSync(filesystem.paths.find(`/f${i}`, true))
        const size = driveSync(
          // biome-ignore lint/correctness/useYield: an operation that needs nothing
          filesystem.inodes.withContent(node, function* (content) {
            return content.size
          }),
        )
        expect(size).toBe(`content ${i}`.length)
      }
    }
    for (const filesystem of mounted) filesystem.close()
    expect(engine.core.statistics()).toMatchObject({ spaces: 0, framesUsed: 0 })
  })

  it("of open files and views stay when the inode is let go", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = pool.mountSync(
      new CountingSource(
        new SyntheticImage({
          kind: "dir",
          entries: {
            a: { kind: "file", data: "the bytes of a" },
            d: {
              kind: "dir",
              entries: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}`, { kind: "fifo" }])),
            },
          },
        }),
      ),
    )
    const file = image.openSync("/a")
    const view = file.map()
    file.closeSync()
    for (const _ of image.walkSync("/d"));
    for (const _ of image.walkSync("/d"));
    pool.drop()
    expect(view.textSync()).toBe("the bytes of a")
    expect(image.openSync("/a").size).toBe(14)
    view.dispose()
    image.closeSync()
    expect(pool.stats()).toMatchObject({ addressSpaces: 0, framesUsed: 0, framesPinned: 0 })
  })
})

describe("entries of a walk", () => {
  const withFile = (data: string) =>
    new CountingSource(
      new SyntheticImage({
        kind: "dir",
        entries: {
          a: { kind: "file", data },
          d: {
            kind: "dir",
            entries: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}`, { kind: "fifo" }])),
          },
        },
      }),
    )

  it("open their file though its inode has been let go, and as one with those that others hold", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = pool.mountSync(withFile("the bytes of a"))
    const entry = [...image.walkSync("/")].find(({ path }) => path === "/a") as WalkEntry
    const early = image.openSync(entry)
    early.closeSync()
    for (const _ of image.walkSync("/d"));
    const files = [image.openSync("/a"), image.openSync(entry), await image.open(entry)]
    for (const file of files) {
      const bytes = new Uint8Array(14)
      file.readSync(bytes)
      expect(new TextDecoder().decode(bytes)).toBe("the bytes of a")
      file.closeSync()
    }
    // The device, the domain, the root, the directory and one for the file, however often it is known.
    expect(pool.stats().addressSpaces).toBeLessThanOrEqual(5)
    image.closeSync()
    expect(() => image.openSync(entry)).toThrow("EBADF")
    expect(pool.stats()).toMatchObject({ addressSpaces: 0, framesUsed: 0, framesPinned: 0 })
  })

  it("name a file of another image by its number, not by its bytes", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const [one, other] = [pool.mountSync(withFile("bytes of one")), pool.mountSync(withFile("other bytes"))]
    const entry = [...one.walkSync("/")].find(({ path }) => path === "/a") as WalkEntry
    expect(one.readFileSync(entry, "utf8")).toBe("bytes of one")
    expect(other.readFileSync(entry, "utf8")).toBe("other bytes")
    const file = other.openSync(entry)
    expect(file.size).toBe(11)
    file.closeSync()
    await pool.close()
  })
})

describe("damage", () => {
  it("a directory that claims to be endless ends", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const claims: Record<string, Item> = {
      beyond: { kind: "dir", entries: {}, size: 2 ** 50 },
      hole: { kind: "dir", entries: {}, size: 2 ** 50, isHole: true },
      good: { kind: "dir", entries: { file: { kind: "fifo" } } },
    }
    const image = pool.mountSync(new CountingSource(new SyntheticImage({ kind: "dir", entries: claims })))
    const errors: unknown[] = []
    const paths = [...image.walkSync("/", { onError: (error) => errors.push(error) })].map(({ path }) => path)
    expect(paths.sort()).toEqual(["/", "/beyond", "/good", "/good/file", "/hole"])
    expect(errors.length).toBeGreaterThan(1)
    expect(errors.length).toBeLessThan(200)
    expect(() => image.readdirSync("/hole")).toThrow("EUCLEAN")
    expect(() => image.readdirSync("/beyond")).toThrow(/EUCLEAN|EIO/)
    expect(pool.stats().framesPinned).toBe(0)
  })
})
