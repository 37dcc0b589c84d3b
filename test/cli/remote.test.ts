// SPDX-License-Identifier: MIT
/** The command line with URLs in place of files. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseHeaders } from "../../src/cli/access.js"
import { mountFile } from "../../src/cli/mounted.js"
import { PagePool } from "../../src/index.js"
import { type CliResult, cli, describeTree, fixturePath, output, scratch } from "../support/cli.js"
import { readFixture } from "../support/flat-image.js"
import { listWithGnuTar } from "../support/gnu-tar.js"

import { HttpServer } from "../support/http-server.js"
import { LargeImage, type LargeTree } from "../support/large-image.js"
import { manifestOf, openFixture } from "../support/open.js"
import { FakeRegistry } from "../support/registry.js"

const NAME = "lz4-ztailpacking.erofs"
const main = new URL("../../dist/cli/main.js", import.meta.url).pathname
const isBuilt = existsSync(main)
const hasCommand = (name: string): boolean => spawnSync(name, ["--version"]).error === undefined
const hasGetfattr = hasCommand("getfattr") && hasCommand("setfattr")

/** Runs the built command, while this process serves. */
async function run(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...argv])
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (piece) => (stdout += piece))
  child.stderr.on("data", (piece) => (stderr += piece))
  const [status] = (await once(child, "close")) as [number]
  return { status, stdout, stderr }
}

/** A tree of 40 directories with 20 files each. */
function manyFiles(): LargeTree {
  const tree: LargeTree = {}
  for (let i = 0; i < 40; i++) {
    tree[`directory-${i}`] = Object.fromEntries(
      Array.from({ length: 20 }, (_, k) => [`file-${k}`, (i * 977 + k * 3571) % 30_000]),
    )
  }
  return tree
}

describe("URLs", () => {
  it.each([
    ["info"],
    ["ls", "-lR"],
    ["ls", "-l", "--json"],
    ["tree"],
    ["check"],
    ["manifest"],
    ["stat", "/text-300k"],
    ["cat", "/text-300k"],
    ["share"],
  ])("%s says of them what it says of files", async (command, ...rest) => {
    const server = await HttpServer.start(readFixture(NAME))
    const options = rest.filter((word) => word.startsWith("-"))
    const paths = rest.filter((word) => !word.startsWith("-"))
    const local = await output(command, ...options, fixturePath(NAME), ...paths)
    const remote = await output(command, ...options, server.url, ...paths)
    // Columns are as wide as the names of images.
    const plain = (text: string): string =>
      text.replaceAll(server.url, fixturePath(NAME)).replaceAll(/ +/g, " ")
    expect(plain(remote)).toBe(plain(local))
    expect(server.requests.length).toBeGreaterThan(0)
  })

  it("work for further devices, and with an offset", async () => {
    const image = await HttpServer.start(readFixture("chunk-blobdev.erofs"))
    const blob = await HttpServer.start(readFixture("chunk-blobdev.blob"))
    const local = ["--device", fixturePath("chunk-blobdev.blob"), fixturePath("chunk-blobdev.erofs")]
    expect(await output("manifest", "--device", blob.url, image.url)).toBe(await output("manifest", ...local))
    expect(await output("manifest", "--device", fixturePath("chunk-blobdev.blob"), image.url)).toBe(
      await output("manifest", ...local),
    )
    const shifted = new Uint8Array(readFixture(NAME).length + 4096)
    shifted.set(readFixture(NAME), 4096)
    const server = await HttpServer.start(shifted)
    expect(await output("ls", "--offset", "4096", server.url)).toBe(await output("ls", fixturePath(NAME)))
  })

  it("have the fingerprints of files, one thread or several, and cost few requests", async () => {
    const { image } = await openFixture("lz4-ztailpacking")
    const sidecar = image.fingerprintsSync()
    const server = await HttpServer.start(readFixture(NAME))
    const path = join(scratch(), "fingerprints")
    expect((await cli(["fingerprint", server.url, "-o", path])).code).toBe(0)
    expect(new Uint8Array(readFileSync(path))).toEqual(sidecar)
    expect(server.requests.length).toBeLessThanOrEqual(8)
    if (!isBuilt) return
    const before = server.requests.length
    const { status, stderr } = await run("fingerprint", "--jobs", "3", server.url, "-o", `${path}3`)
    expect([status, stderr]).toEqual([0, ""])
    // Each thread asks for what it will read, together.
    expect(server.requests.length - before).toBeLessThanOrEqual(3 * 8)
    expect(new Uint8Array(readFileSync(`${path}3`))).toEqual(sidecar)
  })

  it("that lead nowhere are one line and exit code 1", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    server.behaviour = (_, response) => {
      response.writeHead(404).end()
      return true
    }
    const { code, stderr } = await cli(["ls", `${server.url}?token=secret`])
    expect(code).toBe(1)
    expect(stderr).toContain("HTTP 404")
    expect(stderr).not.toContain("secret")
    expect(stderr.trim().split("\n")).toHaveLength(1)
  })

  it("take headers", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    await output("ls", "--header", "Authorization: Bearer abc", "--header", "x-empty:", server.url)
    expect(server.requests.every(({ headers }) => headers.authorization === "Bearer abc")).toBe(true)
    expect(server.requests[0]?.headers).toHaveProperty("x-empty", "")
    expect((await cli(["ls", "--header", "nonsense", server.url])).code).toBe(2)
    expect(parseHeaders(["A: b:c"])).toEqual([["A", "b:c"]])
    expect(() => parseHeaders(["a b: c"])).toThrow()
  })

  it("leave in the directory of --cache what the next run needs", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const cache = join(scratch(), "cache")
    const first = await output("manifest", "--cache", cache, server.url)
    expect(readdirSync(cache).length).toBeGreaterThan(0)
    server.requests.length = 0
    expect(await output("manifest", "--cache", cache, server.url)).toBe(first)
    expect(server.gets).toEqual([])
  })

  it("are read ahead: contents of many files take few requests, and come out the same", async () => {
    const tree = manyFiles()
    for (const layout of ["scattered", "compact"] as const) {
      const content = new LargeImage(tree, layout)
      const server = await HttpServer.start(content)
      const path = join(scratch(), "image")
      writeFileSync(path, server.slice(0, content.size - 1))
      for (const command of ["check", "manifest", "tar"]) {
        const target = command === "tar" ? ["-o", join(scratch(), "tar")] : []
        server.requests.length = 0
        const remote = await output(command, ...target, server.url)
        expect(server.requests.length).toBeLessThan(80)
        expect(server.bytes).toBeLessThan(1.3 * content.size)
        const written = target[1] === undefined ? remote : readFileSync(target[1], "latin1")
        const local = await output(command, ...target, path)
        expect(written).toBe(target[1] === undefined ? local : readFileSync(target[1], "latin1"))
      }
    }
  })

  it("are told to be damaged as files are, in the same order", async () => {
    const path = new URL("../fixtures/demo/aurora-damaged.erofs", import.meta.url).pathname
    const server = await HttpServer.start(new Uint8Array(readFileSync(path)))
    const [local, remote] = [await cli(["check", path]), await cli(["check", server.url])]
    expect(local.code).toBe(1)
    expect(remote).toEqual(local)
    for (const goesOn of [[], ["--keep-going"]]) {
      const [near, far] = [join(scratch(), "near"), join(scratch(), "far")]
      const ofFile = await cli(["tar", ...goesOn, "-o", near, path])
      const ofUrl = await cli(["tar", ...goesOn, "-o", far, server.url])
      expect(ofFile.code).toBe(1)
      expect(ofUrl).toEqual(ofFile)
      if (goesOn.length > 0) expect(readFileSync(far).equals(readFileSync(near))).toBe(true)
    }
  })

  it("are written as archives", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const folder = scratch()
    for (const [name, image] of [
      ["far", server.url],
      ["near", fixturePath(NAME)],
    ] as const) {
      expect(await cli(["tar", "-o", join(folder, name), image])).toMatchObject({ code: 0, stderr: "" })
    }
    expect(readFileSync(join(folder, "far")).equals(readFileSync(join(folder, "near")))).toBe(true)
    expect(listWithGnuTar(readFileSync(join(folder, "far"))).map(({ name }) => name)).toContain("text-300k")
  })

  it("of long listings cost few requests", async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`file-number-${i}`, 5000]))
    const server = await HttpServer.start(new LargeImage({ many }, "scattered"))
    expect((await output("ls", "-l", server.url, "/many")).split("\n")).toHaveLength(1001)
    expect(server.requests.length).toBeLessThanOrEqual(6)
  })
})

describe("extract", () => {
  it("writes what a URL holds as it does for a file, with few requests", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const target = scratch()
    const options = ["--no-owner", "--no-xattrs"]
    const remote = await cli(["extract", ...options, server.url, join(target, "remote")])
    expect(remote).toMatchObject({ code: 0, stderr: "" })
    const local = await cli(["extract", ...options, fixturePath(NAME), join(target, "local")])
    expect(local.code).toBe(0)
    expect(describeTree(join(target, "remote"))).toEqual(describeTree(join(target, "local")))
    expect(server.requests.length).toBeLessThan(30)
  })

  it("reads ahead: many files take few requests, and come out the same, one thread or several", async () => {
    for (const layout of ["scattered", "compact"] as const) {
      const content = new LargeImage(manyFiles(), layout)
      const server = await HttpServer.start(content)
      const folder = scratch()
      writeFileSync(join(folder, "image"), server.slice(0, content.size - 1))
      expect((await cli(["extract", join(folder, "image"), join(folder, "near")])).code).toBe(0)
      const near = describeTree(join(folder, "near"))
      server.requests.length = 0
      const far = await cli(["extract", "--jobs", "1", server.url, join(folder, "far")])
      expect(far).toMatchObject({ code: 0, stderr: "" })
      expect(server.requests.length).toBeLessThan(80)
      expect(server.bytes).toBeLessThan(1.3 * content.size)
      expect(describeTree(join(folder, "far"))).toEqual(near)
      if (!isBuilt) continue
      server.requests.length = 0
      const { status, stderr } = await run("extract", "--jobs", "2", server.url, join(folder, "two"))
      expect([status, stderr]).toEqual([0, ""])
      expect(server.requests.length).toBeLessThan(160)
      expect(describeTree(join(folder, "two"))).toEqual(near)
    }
  })

  it.skipIf(!hasGetfattr)("keeps extended attributes and links as of a file (needs getfattr)", async () => {
    for (const name of ["small-xattr-prefixes.erofs", "small-xattrs-share-all.erofs"]) {
      const server = await HttpServer.start(readFixture(name))
      const extractTo = async (
        image: string,
      ): Promise<[CliResult, ReturnType<typeof describeTree>, string]> => {
        const target = join(scratch(), "x")
        const result = await cli(["extract", "--no-owner", image, target])
        const options = ["-R", "-P", "-h", "-d", "-m-", "-ehex", "."]
        return [
          result,
          describeTree(target),
          execFileSync("getfattr", options, { cwd: target, encoding: "utf8" }),
        ]
      }
      const [result, tree, xattrs] = await extractTo(fixturePath(name))
      expect(await extractTo(server.url)).toEqual([result, tree, xattrs])
      expect(xattrs).toContain("user.")
    }
  })

  it("leaves out what the server refuses, and no file half-made", async () => {
    const content = new LargeImage(manyFiles(), "scattered")
    const server = await HttpServer.start(content)
    const folder = scratch()
    server.behaviour = (_, response) => {
      if (server.requests.length <= 30) return false
      response.writeHead(403).end()
      return true
    }
    const { code, stderr } = await cli(["extract", server.url, join(folder, "far")])
    expect(code).toBe(1)
    expect(stderr).toContain("403")
    writeFileSync(join(folder, "image"), server.slice(0, content.size - 1))
    expect((await cli(["extract", join(folder, "image"), join(folder, "near")])).code).toBe(0)
    const [far, near] = [describeTree(join(folder, "far")), describeTree(join(folder, "near"))]
    const files = [...far.keys()].filter((path) => path.includes("file-"))
    expect(files.length).toBeLessThan(800)
    for (const path of files) expect(far.get(path)).toEqual(near.get(path))
  })

  it("writes what a registry holds", async () => {
    const registry = await FakeRegistry.start()
    registry.putImage([registry.putBlob(readFixture(NAME))], "latest")
    const target = scratch()
    const reference = `oci://${registry.host}/team/app`
    const result = await cli(["extract", "--plain-http", "--no-owner", reference, join(target, "x")])
    expect(result).toMatchObject({ code: 0, stderr: "" })
    const digest = createHash("sha256")
      .update(readFileSync(join(target, "x", "text-300k")))
      .digest("hex")
    expect(digest).toBe(manifestOf("lz4-ztailpacking")["/text-300k"]?.sha256)
  })

  it("fails when the file changes, and when the server does", async () => {
    const server = await HttpServer.start(readFixture("lz4-c65536.erofs"))
    server.behaviour = () => {
      if (server.requests.length > 1) server.headers = { etag: '"v2"' }
      return false
    }
    const changed = await cli(["extract", server.url, join(scratch(), "x")])
    expect(changed.code).toBe(1)
    expect(changed.stderr).toContain("ESTALE")
  })

  it("fails in a thread that would mount another version than the first", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const file = {
      path: server.url,
      devices: [],
      offset: 0,
      ignoresChecksum: false,
      access: { headers: [], cache: undefined },
    }
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const first = await mountFile(pool, file)
    const { identity } = first.primary
    const same = await mountFile(pool, { ...file, identity }, { image: first.share() })
    await same.close()
    server.headers = { etag: '"v2"' }
    const changed = mountFile(pool, { ...file, identity }, { image: first.share() })
    await expect(changed).rejects.toMatchObject({ code: "ESTALE", path: server.url })
    expect(pool.images).toEqual([first])
  })

  it("uses what --cache keeps", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const folder = scratch()
    writeFileSync(join(folder, "note"), "")
    const args = ["--no-owner", "--cache", join(folder, "cache"), server.url]
    expect((await cli(["extract", ...args, join(folder, "one")])).code).toBe(0)
    server.requests.length = 0
    expect((await cli(["extract", ...args, join(folder, "two")])).code).toBe(0)
    expect(server.gets).toEqual([])
    expect(readFileSync(join(folder, "two", "text-300k"))).toEqual(
      readFileSync(join(folder, "one", "text-300k")),
    )
  })
})
