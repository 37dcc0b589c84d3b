// SPDX-License-Identifier: MIT
/** The command line with URLs in place of files. */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseHeaders } from "../../src/cli/access.js"
import { StreamReader } from "../../src/cli/stream-reader.js"
import { cli, describeTree, fixturePath, output, scratch } from "../support/cli.js"
import { readFixture } from "../support/flat-image.js"
import { listWithGnuTar } from "../support/gnu-tar.js"
import { HttpServer } from "../support/http-server.js"
import { LargeImage, type LargeTree } from "../support/large-image.js"
import { manifestOf, openFixture } from "../support/open.js"
import { Random } from "../support/random.js"
import { FakeRegistry } from "../support/registry.js"

const NAME = "lz4-ztailpacking.erofs"
const main = new URL("../../dist/cli/main.js", import.meta.url).pathname
const isBuilt = existsSync(main)

/** Runs the built command, while this process serves. */
async function run(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...argv])
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (piece) => (stdout += piece))
  child.stderr.on("data", (piece) => (stderr += piece))
  const [status] = (await once(child, "close")) as [number]
  return { status, stdout, stderr }
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
    // In the process itself, but for what reads synchronously: that takes a thread of the built command.
    if (command !== "share") {
      const remote = await output(command, ...options, server.url, ...paths)
      expect(remote.replaceAll(server.url, fixturePath(NAME))).toBe(local)
    } else if (isBuilt) {
      const { status, stdout, stderr } = await run(command, server.url)
      expect([status, stderr]).toEqual([0, ""])
      expect(stdout.replaceAll(server.url, fixturePath(NAME)).replaceAll(/ +/g, " ")).toBe(
        local.replaceAll(/ +/g, " "),
      )
    }
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
    const tree: LargeTree = {}
    for (let i = 0; i < 40; i++) {
      tree[`directory-${i}`] = Object.fromEntries(
        Array.from({ length: 20 }, (_, k) => [`file-${k}`, (i * 977 + k * 3571) % 30_000]),
      )
    }
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

describe.skipIf(!isBuilt)("extract (needs npm run build)", () => {
  it("writes what a URL holds as it does for a file, with few requests", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const target = scratch()
    const { status, stderr } = await run(
      "extract",
      "--no-owner",
      "--no-xattrs",
      server.url,
      join(target, "remote"),
    )
    expect([status, stderr]).toEqual([0, ""])
    const local = await cli([
      "extract",
      "--no-owner",
      "--no-xattrs",
      fixturePath(NAME),
      join(target, "local"),
    ])
    expect(local.code).toBe(0)
    expect(describeTree(join(target, "remote"))).toEqual(describeTree(join(target, "local")))
    expect(server.requests.length).toBeLessThan(30)
  })

  it("writes what a registry holds", async () => {
    const registry = await FakeRegistry.start()
    registry.putImage([registry.putBlob(readFixture(NAME))], "latest")
    const target = scratch()
    const reference = `oci://${registry.host}/team/app`
    const { status, stderr } = await run(
      "extract",
      "--plain-http",
      "--no-owner",
      reference,
      join(target, "x"),
    )
    expect([status, stderr]).toEqual([0, ""])
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
    const changed = await run("extract", server.url, join(scratch(), "x"))
    expect(changed.status).toBe(1)
    expect(changed.stderr).toContain("ESTALE")
  })

  it("uses what --cache keeps", async () => {
    const server = await HttpServer.start(readFixture(NAME))
    const folder = scratch()
    writeFileSync(join(folder, "note"), "")
    const args = ["--no-owner", "--cache", join(folder, "cache"), server.url]
    expect((await run("extract", ...args, join(folder, "one"))).status).toBe(0)
    server.requests.length = 0
    expect((await run("extract", ...args, join(folder, "two"))).status).toBe(0)
    expect(server.gets).toEqual([])
    expect(readFileSync(join(folder, "two", "text-300k"))).toEqual(
      readFileSync(join(folder, "one", "text-300k")),
    )
  })
})

describe("a stream reader", () => {
  const BYTES = new Random(5).bytes(3_000_001)

  /** A reader of those bytes, and how much was asked for. */
  function readerOf(bytes: Uint8Array): { reader: StreamReader; fetched: () => number } {
    let fetched = 0
    const reader = new StreamReader({
      size: bytes.length,
      async read(target, offset) {
        await null
        fetched += target.length
        target.set(bytes.subarray(offset, offset + target.length))
        return target.length
      },
    })
    return { reader, fetched: () => fetched }
  }

  it("gives the bytes, wherever they are read", async () => {
    const { reader } = readerOf(BYTES)
    const random = new Random(6)
    for (let i = 0; i < 100; i++) {
      const offset = random.below(BYTES.length)
      const target = new Uint8Array(random.below(200_000))
      const count = await reader.read(target, offset)
      expect(count).toBe(Math.min(target.length, BYTES.length - offset))
      expect(Buffer.compare(target.subarray(0, count), BYTES.subarray(offset, offset + count))).toBe(0)
    }
    expect(await reader.read(new Uint8Array(5), BYTES.length)).toBe(0)
  })

  it("fetches ahead where reads go on, and little elsewhere", async () => {
    const { reader, fetched } = readerOf(new Uint8Array(64 << 20))
    await reader.read(new Uint8Array(100), 10 << 20)
    expect(fetched()).toBe(64 << 10)
    for (let at = 0; at < 1 << 20; at += 4096) await reader.read(new Uint8Array(4096), (20 << 20) + at)
    expect(fetched()).toBeGreaterThan(2 << 20)
    expect(fetched()).toBeLessThan(8 << 20)
  })

  it("tries again what failed", async () => {
    let fails = true
    const reader = new StreamReader({
      size: 100,
      async read(target) {
        if (fails) throw new Error("not now")
        return target.length
      },
    })
    await expect(reader.read(new Uint8Array(10), 0)).rejects.toThrow("not now")
    fails = false
    expect(await reader.read(new Uint8Array(10), 0)).toBe(10)
  })
})
