// SPDX-License-Identifier: MIT
import { existsSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { run } from "../../src/cli/run.js"
import { directory, file, special } from "../support/build-image.js"
import { cli, fixturePath, imageFile, scratch } from "../support/cli.js"
import { sample } from "../support/samples.js"
import { readTar, xattrsOf } from "../support/tar.js"

const tree = directory({
  a: directory({ x: file("x", { xattrs: { "user.note": "v" } }) }),
  big: file(sample("noise", 3 << 20, 1)),
})

describe("tar", () => {
  it("writes an archive to standard output or to a file", async () => {
    const image = imageFile(tree)
    const { code, stdout, stderr } = await cli(["tar", image])
    expect([code, stderr]).toEqual([0, ""])
    expect(readTar(stdout).map(({ path, size }) => [path, size])).toEqual([
      [".", 0],
      ["a", 0],
      ["a/x", 1],
      ["big", 3 << 20],
    ])
    const target = join(scratch(), "out.tar")
    expect(await cli(["tar", "-o", target, image])).toMatchObject({ code: 0, stderr: "" })
    expect(readFileSync(target).equals(stdout)).toBe(true)
    expect((await cli(["tar", "-o", "-", image])).stdout.equals(stdout)).toBe(true)
  })

  it("takes a path, a prefix, and whether attributes are kept", async () => {
    const image = imageFile(tree)
    const read = async (...argv: string[]) => readTar((await cli(["tar", image, ...argv])).stdout)
    expect((await read("/a")).map((member) => [member.path, xattrsOf(member)])).toEqual([
      [".", {}],
      ["x", { "user.note": "dg==" }],
    ])
    expect((await read("/a/x", "--no-xattrs", "--prefix", "p")).map((m) => [m.path, xattrsOf(m)])).toEqual([
      ["p/x", {}],
    ])
    expect((await cli(["tar", image, "--xattrs", "--no-xattrs"])).code).toBe(2)
    expect((await cli(["tar", image, "/a", "/b"])).code).toBe(2)
    const { code, stdout, stderr } = await cli(["tar", image, "/none"])
    expect([code, stdout.length]).toEqual([1, 0])
    expect(stderr).toBe("erofs-wasm tar: cannot tar '/none': no such file or directory (ENOENT)\n")
  })

  it("reads images with further devices", async () => {
    const device = fixturePath("chunk-blobdev.blob")
    const { code, stdout } = await cli(["tar", fixturePath("chunk-blobdev.erofs"), "--device", device])
    expect([code, readTar(stdout).length > 5]).toEqual([0, true])
  })

  it("does not write to a terminal", async () => {
    const { code, stdout, stderr } = await cli(["tar", imageFile(tree)], { isTerminal: true })
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain("give -o FILE")
  })

  it("ends at damage and leaves no file behind, or goes on if it shall", async () => {
    const image = imageFile(
      directory({ bad: file("12345", { isInline: false, startBlock: 999 }), good: file("good") }),
    )
    const target = join(scratch(), "out.tar")
    const failed = await cli(["tar", "-o", target, image])
    expect([failed.code, existsSync(target)]).toEqual([1, false])
    expect(failed.stderr).toMatch(/^erofs-wasm tar: cannot tar '\/bad': .*\(EIO, nid \d+, offset \d+\)\n$/)
    const gone = await cli(["tar", "--keep-going", "-o", target, image])
    expect(gone.code).toBe(1)
    expect(gone.stderr).toMatch(/^erofs-wasm tar: '\/bad': .*\n$/)
    expect(readTar(readFileSync(target)).map(({ path, content }) => [path, content.toString()])).toEqual([
      [".", ""],
      ["bad", "\0\0\0\0\0"],
      ["good", "good"],
    ])
  })

  it("counts sockets, and shows progress where it is asked for", async () => {
    const image = imageFile(directory({ s: special("socket"), f: file("f") }))
    expect((await cli(["tar", image])).stderr).toBe("erofs-wasm tar: warning: 1 socket was left out\n")
    const { stderr, stdout } = await cli(["tar", image, "--quiet"])
    expect(stderr).toBe("")
    const shown = await cli(["tar", imageFile(directory({ f: file("f") })), "--progress=json"])
    expect(JSON.parse(shown.stderr.trim().split("\n").at(-1) as string)).toEqual({
      entries: 2,
      total: 2,
      bytes: stdout.length,
    })
  })

  it("does not write over what it reads", async () => {
    const image = imageFile(directory({ f: file("text") }))
    const before = readFileSync(image)
    const link = join(scratch(), "link")
    symlinkSync(image, link)
    for (const [command, target] of [
      ["tar", image],
      ["manifest", link],
      ["fingerprint", link],
    ] as const) {
      const { code, stderr } = await cli([command, "-o", target, image])
      expect([code, stderr]).toEqual([2, expect.stringContaining("is what is read")])
      expect(readFileSync(image).equals(before)).toBe(true)
    }
  })

  it("ends quietly when nobody reads", async () => {
    const messages: Uint8Array[] = []
    const code = await run(["tar", imageFile(tree)], {
      stdout: {
        isTerminal: false,
        write: () => Promise.reject(Object.assign(new Error("x"), { code: "EPIPE" })),
      },
      stderr: { isTerminal: false, write: (bytes) => void messages.push(bytes) },
    })
    expect([code, messages]).toEqual([0, []])
  })
})
