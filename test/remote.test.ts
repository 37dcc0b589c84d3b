// SPDX-License-Identifier: MIT
/** What reading from a web server costs: a server counts. The image has 500 MB and 10,000 files. */
import { describe, expect, it } from "vitest"
import { httpSource, type Image, PagePool } from "../src/index.js"
import { HttpServer } from "./support/http-server.js"
import { KeptImage } from "./support/kept-image.js"
import { LargeImage, type LargeLayout, type LargeTree } from "./support/large-image.js"
import { sha256 } from "./support/open.js"
import { Random } from "./support/random.js"

const FILES = 10_000

/** A tree of 10,000 files in 400 directories, a directory of 1,000 entries, and a file of 4 KiB. */
function largeTree(): LargeTree {
  const random = new Random(7)
  const root: LargeTree = { etc: { hostname: 4096, passwd: 2000 }, many: {} }
  const directories = [root]
  for (let i = 0; i < 400; i++) {
    const directory: LargeTree = {}
    const parent = directories[random.between(Math.max(0, directories.length - 60), directories.length - 1)]
    if (parent) parent[`directory-${i}`] = directory
    directories.push(directory)
  }
  for (let i = 0; i < FILES - 1000; i++) {
    random.pick(directories)[`some-file-${i}.txt`] = random.chance(60)
      ? random.below(20_000)
      : random.below(280_000)
  }
  for (let i = 0; i < 1000; i++) (root.many as LargeTree)[`file-number-${i}`] = random.below(8000)
  return root
}

const TREE = largeTree()

async function remote(
  layout: LargeLayout,
): Promise<{ server: HttpServer; content: LargeImage; image: Image }> {
  const content = new LargeImage(TREE, layout)
  const server = await HttpServer.start(content)
  const pool = await PagePool.create({ bytes: 16 << 20 })
  return { server, content, image: await pool.mount(await httpSource(server.url)) }
}

/** Paths of a tree. */
function pathsOf(tree: LargeTree, path = ""): string[] {
  return Object.entries(tree).flatMap(([name, node]) => [
    `${path}/${name}`,
    ...(typeof node === "number" ? [] : pathsOf(node, `${path}/${name}`)),
  ])
}

describe.each(["scattered", "compact"] as const)("an image of 500 MB with %s metadata", (layout) => {
  it("costs 4 requests and 256 KiB for a file of 4 KiB", async () => {
    const { server, content, image } = await remote(layout)
    expect(content.size).toBeGreaterThan(500e6)
    const bytes = await image.readFile("/etc/hostname")
    expect(bytes).toHaveLength(4096)
    expect(new Set(bytes).size).toBe(1)
    expect(server.requests.length).toBeLessThanOrEqual(4)
    expect(server.bytes).toBeLessThanOrEqual(256 << 10)
    await image.close()
  })

  it("costs 6 requests for listing a directory of 1,000 entries", async () => {
    const { server, image } = await remote(layout)
    expect(await image.readdir("/many")).toHaveLength(1000)
    expect(server.requests.length).toBeLessThanOrEqual(6)
    expect(server.bytes).toBeLessThanOrEqual(256 << 10)
    await image.close()
  })

  it("costs 6 requests for a name among 1,000", async () => {
    const { server, image } = await remote(layout)
    expect((await image.stat("/many/file-number-777")).isFile()).toBe(true)
    expect(server.requests.length).toBeLessThanOrEqual(6)
    await image.close()
  })

  it("costs no more where many ask at the same time", async () => {
    const { server, image } = await remote(layout)
    const names = await image.readdir("/many")
    const before = server.requests.length
    await Promise.all(names.map((name) => image.lstat(`/many/${name}`)))
    expect(server.requests.length - before).toBeLessThanOrEqual(4)
    await image.close()
  })

  it("costs at most 1.3 times the metadata's bytes for all that is known of 10,000 files", async () => {
    const { server, content, image } = await remote(layout)
    server.behaviour = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return false
    }
    const paths: string[] = []
    let size = 0
    for await (const { path, stats } of image.walk("/")) {
      paths.push(path)
      if (stats.isFile()) size += Number(stats.size)
    }
    expect(paths.slice(1).sort()).toEqual(pathsOf(TREE).sort())
    expect(size).toBeGreaterThan(450e6)
    expect(server.bytes).toBeLessThanOrEqual(1.3 * content.metadataBytes)
    // Few requests, or several at a time: what is needed soon is asked for together.
    if (layout === "compact") expect(server.requests.length).toBeLessThan(50)
    else expect(server.mostAtOnce).toBeGreaterThan(3)
    await image.close()
  })

  it("costs as little by readdir, recursive", async () => {
    const { server, content, image } = await remote(layout)
    expect(await image.readdir("/", { recursive: true })).toHaveLength(pathsOf(TREE).length)
    expect(server.bytes).toBeLessThanOrEqual(1.3 * content.metadataBytes)
    await image.close()
  })

  it("costs little more in a pool that is small", async () => {
    const server = await HttpServer.start(new LargeImage(TREE, layout))
    const pool = await PagePool.create({ bytes: 256 << 10 })
    const image = await pool.mount(await httpSource(server.url))
    let count = 0
    for await (const _ of image.walk("/")) count++
    expect(count).toBe(pathsOf(TREE).length + 1)
    const content = server.content as LargeImage
    expect(server.bytes).toBeLessThanOrEqual(2 * content.metadataBytes)
    await image.close()
  })
})

/**
 * Requests for a small file in a directory of the root, mounting included. One leads to the next: the superblock with the
 * root, the file's inode (and the directory, where it has 1,000 entries), the packed inode with its index, the data. Five it
 * takes only where more of them lie in places of their own, each known from the one before:
 *
 * - lz4-meta: superblock; inode of the metabox; root in it; inode of the file, 737 KB further on; data
 * - all-meta: superblock; inodes of metabox and packed inode; root in the metabox; directories in the packed inode; data
 * - lz4-frag-zd: superblock; packed inode; directories in it; inode of the file; data
 * - lz4-allfrag-many: superblock; directory and inode; packed inode; its index, 106 KB further on; data
 */
describe.each([
  ["plain", 3],
  ["lz4hc-64k-zt", 2],
  ["lz4-frag", 4],
  ["lz4-frag-many", 4],
  ["lz4-allfrag", 4],
  ["lz4-allfrag-many", 5],
  ["frag-dedupe", 4],
  ["frag-dedupe-many", 4],
  ["digest-default", 4],
  ["digest-default-many", 4],
  ["metabox-frag", 4],
  ["zstd-frag-meta", 4],
  ["lz4-meta", 5],
  ["all-meta", 5],
  ["lz4-frag-zd", 5],
])("a large image of mkfs.erofs, %s", (name, requests) => {
  it(`costs ${requests} requests and 256 KiB for a small file`, async () => {
    const content = new KeptImage(name)
    const server = await HttpServer.start(content)
    const pool = await PagePool.create({ bytes: 16 << 20 })
    const image = await pool.mount(await httpSource(server.url))
    const bytes = await image.readFile(content.path)
    expect(sha256(bytes)).toBe(content.sha256)
    expect(server.requests.length).toBeLessThanOrEqual(requests)
    expect(server.bytes).toBeLessThanOrEqual(256 << 10)
    await image.close()
  })
})
