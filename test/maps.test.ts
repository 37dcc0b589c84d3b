// SPDX-License-Identifier: MIT
/** Live views: who holds what, what they keep from happening, and what becomes of those that are forgotten. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { bufferSource, type Image, type Leak, type MappedView, PagePool } from "../src/index.js"
import { buildImage, directory, file } from "./support/build-image.js"

const PAGE = 4096
const CONTENT = new Uint8Array(10 * PAGE).fill(7)
const DIGEST = Uint8Array.of(0, 255, 128, 10)
const shared = () => file(CONTENT, { xattrs: { "trusted.fp": DIGEST } })
const imageOf = (name: string) =>
  buildImage(directory({ [name]: shared(), [`${name}-copy`]: shared(), alone: file(CONTENT) }))

async function mountTwo(onLeak?: (leak: Leak) => void) {
  const pool = await PagePool.create(onLeak ? { bytes: 1 << 20, onLeak } : { bytes: 1 << 20 })
  const mount = (name: string) => pool.mountSync(bufferSource(imageOf(name)), { fingerprint: "trusted.fp" })
  return { pool, a: mount("a"), b: mount("b") }
}

describe("maps", () => {
  it("lists live views by the path that each user opened, with the fingerprint they share", async () => {
    const { pool, a, b } = await mountTwo()
    expect(pool.maps()).toEqual([])
    const opened: [Image, string, number, number][] = [
      [a, "/a", 0, 10 * PAGE],
      [a, "/a-copy", PAGE, 100],
      [b, "/b", 2 * PAGE, 8 * PAGE],
      [b, "/alone", 0, 0],
    ]
    const views = opened.map(([image, path, position, length]) => {
      using open = image.openSync(path)
      return open.map(position, length)
    })
    const maps = pool.maps()
    expect(maps).toHaveLength(4)
    for (const [i, [image, path, position, length]] of opened.entries()) {
      const fingerprint = path === "/alone" ? undefined : DIGEST
      expect({ ...maps[i], image: undefined }).toEqual({
        image: undefined,
        path,
        position,
        length,
        fingerprint,
      })
      expect(maps[i]?.image).toBe(image)
    }
    // What is listed is a copy: nobody's identity can be changed by it.
    maps[0]?.fingerprint?.fill(1)
    expect(pool.maps()[0]?.fingerprint).toEqual(DIGEST)
    for (const [i, view] of views.entries()) {
      view.dispose()
      expect(pool.maps()).toHaveLength(3 - i)
    }
  })

  it("names a path as it was given, whatever it leads through", async () => {
    const { pool, a } = await mountTwo()
    const view = a.openSync("/../a").map()
    const bytes = a.openSync(new Uint8Array(Buffer.from("/a"))).map()
    expect(pool.maps().map(({ path }) => path)).toEqual(["/../a", "/a"])
    view.dispose()
    bytes.dispose()
  })
})

describe("closing an image with live views", () => {
  it("is EBUSY and names their paths; the image works on, and closes once they are gone", async () => {
    const { pool, a, b } = await mountTwo()
    const views = ["/a", "/a", "/a-copy"].map((path) => a.openSync(path).map())
    const busy = expect.objectContaining({
      code: "EBUSY",
      syscall: "close",
      message: "EBUSY: the image has 3 live views of '/a', '/a-copy', close",
    })
    expect(() => a.closeSync()).toThrow(busy)
    await expect(a.close()).rejects.toEqual(busy)
    expect((views[2] as MappedView).bytesSync()).toHaveLength(CONTENT.length)
    // The other image shares the content, but has no views of its own.
    b.closeSync()
    for (const view of views) view.dispose()
    a.closeSync()
    expect(pool.images).toEqual([])
  })

  it("names eight of many", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const names = Array.from({ length: 11 }, (_, i) => `f${i}`)
    const image = pool.mountSync(
      bufferSource(buildImage(directory(Object.fromEntries(names.map((name) => [name, file("text")]))))),
    )
    const views = names.map((name) => image.openSync(name).map())
    expect(() => image.closeSync()).toThrow("'f7' and 3 more files")
    for (const view of views) view.dispose()
    image.closeSync()
  })
})

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

/** Collects garbage until something has happened. Told by the callback of a registry, which comes when it likes. */
async function collectUntil(hasHappened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !hasHappened(); turn++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(hasHappened()).toBe(true)
}

/** Uses a view and forgets it. Apart, so that nothing of it stays on a test's stack. */
function forgetView(image: Image, path: string, position: number): void {
  using open = image.openSync(path)
  const view = open.map(position)
  expect(view.bytesSync(0, 2 * PAGE)).toHaveLength(2 * PAGE)
}

describe("a view that is forgotten", () => {
  it("is given back when it is collected, and told of", async () => {
    const leaks: Leak[] = []
    const { pool, a } = await mountTwo((leak) => leaks.push(leak))
    const kept = a.openSync("/a").map()
    kept.bytesSync()
    const pinned = pool.stats().framesPinned
    forgetView(a, "/alone", PAGE)
    expect(pool.maps()).toHaveLength(2)
    expect(pool.stats()).toMatchObject({ framesPinned: pinned + 2, viewsLeaked: 0 })
    expect(() => a.closeSync()).toThrow(expect.objectContaining({ code: "EBUSY" }))
    await collectUntil(() => leaks.length > 0)
    expect(leaks).toEqual([{ path: "/alone", position: PAGE, length: 9 * PAGE }])
    expect(pool.maps().map(({ path }) => path)).toEqual(["/a"])
    expect(pool.stats()).toMatchObject({ framesPinned: pinned, viewsLeaked: 1 })
    expect(kept.bytesSync()).toEqual(CONTENT)
    kept.dispose()
    a.closeSync()
  })

  it("is a process warning by default", async () => {
    const warnings: (Error & { code?: string })[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on("warning", listen)
    const { a } = await mountTwo()
    forgetView(a, "/a-copy", 0)
    await collectUntil(() => warnings.some(({ name }) => name === "ErofsWarning"))
    process.off("warning", listen)
    expect(warnings.find(({ name }) => name === "ErofsWarning")).toMatchObject({
      code: "EROFS_VIEW_LEAK",
      message: "a view of '/a-copy' (40960 bytes from 0 on) was never disposed of",
    })
    a.closeSync()
  })

  it("is none once it has been disposed of", async () => {
    const leaks: Leak[] = []
    const { pool, a } = await mountTwo((leak) => leaks.push(leak))
    const disposeOne = () => {
      using view = a.openSync("/a").map()
      view.bytesSync()
    }
    disposeOne()
    forgetView(a, "/alone", 0)
    await collectUntil(() => leaks.length > 0)
    await collectUntil(() => true)
    expect(leaks.map(({ path }) => path)).toEqual(["/alone"])
    expect(pool.stats().viewsLeaked).toBe(1)
  })
})
