// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { directory, file, special, symlink } from "../support/build-image.js"
import { cli, fixturePath, imageFile, output } from "../support/cli.js"
import { type Fixture, fixtures, readManifest } from "../support/flat-image.js"

const fingerprintOf = (content: string): Uint8Array =>
  new Uint8Array(Buffer.concat([Buffer.from("sha256:"), createHash("sha256").update(content).digest()]))

describe.each(fixtures.images)("check of $name", (fixture: Fixture) => {
  it("finds no damage and counts what the kernel counts", async () => {
    const entries = Object.values(readManifest(fixture.manifest))
    const count = (...types: string[]): number => entries.filter(({ type }) => types.includes(type)).length
    const devices = fixture.extra.flatMap((one) => ["--device", fixturePath(one)])
    const facts = JSON.parse(await output("check", "--json", fixturePath(fixture.file), ...devices))
    expect(facts).toEqual({
      files: count("file"),
      directories: count("dir"),
      symlinks: count("symlink"),
      others: count("char", "block", "fifo", "socket"),
      bytes: entries
        .filter(({ type, link_of }) => type === "file" && link_of === undefined)
        .reduce((sum, { size }) => sum + size, 0),
      damages: [],
    })
  })
})

describe("check", () => {
  const lost = { isInline: false, startBlock: 100000 }

  it("names every damage and goes on", async () => {
    const image = imageFile(
      directory({
        a: file("x".repeat(10), lost),
        b: file("good"),
        c: symlink("a\0b"),
        d: directory([["x/y", file("")]]),
        e: special("fifo"),
      }),
    )
    const { code, stdout, stderr } = await cli(["check", image])
    const lines = stdout.toString().trimEnd().split("\n")
    expect([code, stderr]).toEqual([1, ""])
    expect(lines.slice(0, -1).map((line) => line.split(":")[0])).toEqual(["/a", "/c", "/d"])
    expect(lines[1]).toMatch(/^\/c: target of a symbolic link contains a NUL byte \(EUCLEAN, nid \d+\)$/)
    expect(lines.at(-1)).toBe("2 files, 2 directories, 1 symlink, 1 other, 4 bytes: 3 damages")
    const { damages } = JSON.parse((await cli(["check", "--json", image])).stdout.toString())
    expect(damages.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
      ["/a", "EIO"],
      ["/c", "EUCLEAN"],
      ["/d", "EUCLEAN"],
    ])
  })

  it("does not read the holes of a large file, however large it says it is", async () => {
    const hole = { isInline: false, startBlock: 2 ** 48 - 1, size: 1n << 50n }
    expect(await output("check", imageFile(directory({ a: file("", hole), b: file("good") })))).toBe(
      `2 files, 1 directory, 0 symlinks, 0 others, ${(1n << 50n) + 4n} bytes: 0 damages\n`,
    )
  })

  it("reads on behind damaged places of a file, but not for ever", async () => {
    const half = file(new Uint8Array(8 << 12).fill(7), { isInline: false, size: 12n << 12n })
    // The image ends with the content of the last file: the rest of it is not there.
    const endless = file("x", { isInline: false, size: 1n << 40n })
    const image = imageFile(directory({ endless, half }))
    const facts = JSON.parse((await cli(["check", "--json", image])).stdout.toString())
    const of = (name: string): unknown[] =>
      facts.damages.filter(({ path }: { path: string }) => path === name)
    expect(of("/endless").length).toBe(64)
    expect(of("/half").length).toBe(4)
    expect(of("/half").map((damage) => (damage as { offset: number }).offset)).toEqual(
      [8, 9, 10, 11].map((page) => page << 12),
    )
  })

  it("says of damaged blocks which directory they belong to, and where in it", async () => {
    const names = Array.from(
      { length: 400 },
      (_, i) => [`name-${String(i).padStart(30, "0")}`, file("")] as const,
    )
    const image = imageFile(directory({ dir: directory(names) }), (bytes) => {
      const first = Math.floor(Buffer.from(bytes.buffer).indexOf("name-") / 4096)
      bytes[(first + 2) * 4096 + 8] = 1
    })
    const [{ nid }] = JSON.parse(await output("stat", "--json", image, "/dir"))
    const where = `nid ${nid}, offset ${2 * 4096 + 8})`
    expect((await cli(["check", image])).stdout.toString()).toMatch(
      new RegExp(`^/dir: first name offset \\d+ .* \\(EUCLEAN, ${where.replace(")", "\\)")}\n`),
    )
    expect((await cli(["ls", image, "/dir"])).stderr).toContain(where)
    expect((await cli(["stat", image, `/dir/${names[250]?.[0]}`])).stderr).toContain(where)
  })

  it("writes a name with a line feed in one line", async () => {
    const { stdout } = await cli(["check", imageFile(directory({ "a\nb": file("x".repeat(10), lost) }))])
    expect(stdout.toString()).toMatch(/^\/a\\x0ab: .*\n1 file,/)
  })

  it("compares digests with fingerprints", async () => {
    const shared = fixturePath("share-new-default-name.erofs")
    const withContent = Object.values(readManifest("share-new-default-name.json")).filter(
      ({ type, size, link_of }) => type === "file" && size > 0 && link_of === undefined,
    )
    const facts = JSON.parse(await output("check", "--json", "--digest", shared))
    expect([facts.digests, facts.damages]).toEqual([withContent.length, []])
  })

  it("finds contents that are not what their fingerprints claim, and is not fooled by shared pages", async () => {
    const name = "user.fingerprint"
    const xattrs = { [name]: fingerprintOf("true") }
    const image = imageFile(
      directory({
        a: file("true", { xattrs }),
        b: file("lies", { xattrs }),
        c: file("none"),
        d: file("true", { xattrs: { [name]: "short" } }),
      }),
    )
    const { code, stdout } = await cli(["check", "--digest", "--fingerprint", name, "--json", image])
    const { digests, damages } = JSON.parse(stdout.toString())
    expect([code, digests, damages.length, damages[0].path]).toEqual([1, 2, 1, "/b"])
    expect((await cli(["check", image])).code).toBe(0)
    expect((await cli(["cat", image, "/a", "/b"])).stdout.toString()).toBe("truelies")
  })
})
