// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { run } from "../../src/cli/run.js"
import { directory, file, special, symlink } from "../support/build-image.js"
import { cli, fixturePath, imageFile, output, scratch } from "../support/cli.js"
import { fixtures, readManifest } from "../support/flat-image.js"

const lz4 = fixturePath("lz4-ztailpacking.erofs")
const small = fixturePath("small-b512.erofs")
const shared = fixturePath("share-new-default-name.erofs")

describe("usage", () => {
  it.each([
    [[], "a command is needed"],
    [["frobnicate"], "no command 'frobnicate'"],
    [["ls"], "too few arguments"],
    [["info", "a", "b"], "too many arguments"],
    [["ls", "--frob", "x"], "Unknown option '--frob'"],
    [["ls", "--offset", "4X", "x"], "--offset takes a number of bytes, not '4X'"],
    [["ls", "--offset", "-1", lz4], "--offset takes a number of bytes, not '-1'"],
    [["ls", lz4, "--nid", "-1"], "--nid takes the number of an inode, not '-1'"],
    [["extract", lz4, ""], "TARGET is empty"],
    [["extract", "--jobs", "-1", lz4, "x"], "--jobs takes a number"],
    [["tar", "-o", "--offset", lz4], "-o needs a value, and '--offset' may be an option"],
    [["tar", "--prefix", "-x", lz4], "one that begins with a dash is written --prefix=-x"],
    [["ls", lz4, "--offset"], "--offset needs a value: --offset BYTES"],
    [["ls", "--header", "a: b", lz4], `--header is for URLs and registries: '${lz4}' is a file`],
    [["ls", "--cache", "x", lz4], "--cache is for URLs and registries"],
    [["share", "--cache", "x", lz4], "--cache is for URLs and registries"],
    [["info", "--platform", "linux/amd64", lz4], "--platform is for registries"],
    [["info", "--platform", "linux/amd64", "http://127.0.0.1:1/x"], "'http://127.0.0.1:1/x' is a URL"],
    [["cat", "--plain-http", lz4, "/a"], "--plain-http is for registries"],
    [["tar", "--prefix", "../../x", lz4], "--prefix takes a path within the archive: prefix '../../x'"],
    [["tar", "--prefix", "/x", lz4], "prefix '/x' is absolute"],
    [["ls", "--nid", "x", lz4], "--nid takes the number of an inode"],
    [["ls", "--nid", "0x10000000000000000", lz4], "--nid takes the number of an inode"],
    [["cat", lz4], "a PATH or --nid is needed"],
    [["cat", "--nid", "1", lz4, "/a"], "either paths or --nid"],
    [["tree", "--depth", "-1", lz4], ""],
    [["check", "--progress=loud", lz4], "--progress is one of bar, json, none"],
  ])("%j is wrong", async (argv, message) => {
    const { code, stdout, stderr } = await cli(argv)
    expect(code).toBe(2)
    expect(stdout.length).toBe(0)
    expect(stderr).toContain(message)
  })

  it.each([
    "info",
    "ls",
    "tree",
    "stat",
    "cat",
    "extract",
    "tar",
    "manifest",
    "check",
    "share",
    "bench",
    "fingerprint",
  ])("%s has help", async (name) => {
    const text = await output(name, "--help")
    expect(text).toContain(`Usage: erofs-wasm ${name} `)
    for (const option of ["--device FILE", "--offset BYTES", "--ignore-checksum"])
      expect(text).toContain(option)
    expect(await output("--help")).toContain(`  ${name} `)
  })

  it("prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string }
    expect(await output("--version")).toBe(`${version}\n`)
    expect(await output("ls", "--version")).toBe(`${version}\n`)
  })
})

describe("opening", () => {
  it("says in one line what failed, on which path and why", async () => {
    const { code, stderr } = await cli(["info", "/no/such.erofs"])
    expect(code).toBe(1)
    expect(stderr).toBe("erofs-wasm info: cannot open '/no/such.erofs': no such file or directory (ENOENT)\n")
  })

  it("gives a stack trace only if asked for", async () => {
    expect((await cli(["info", "/no/such.erofs", "--verbose"])).stderr).toMatch(/\n {4}at /)
  })

  it("finds an image further in and tells how to open it", async () => {
    const path = join(scratch(), "disk")
    writeFileSync(path, Buffer.concat([Buffer.alloc(12288), readFileSync(lz4)]))
    const { code, stderr } = await cli(["ls", path])
    expect(code).toBe(1)
    expect(stderr).toContain("use --offset 12288")
    for (const offset of ["12288", "0x3000", "12K"]) {
      expect(await output("ls", "--offset", offset, path)).toBe(await output("ls", lz4))
    }
    expect((await cli(["ls", "--offset", "8K", path])).stderr).toContain("use --offset 12288")
    expect((await cli(["ls", "--offset", "1G", path])).stderr).toContain("beyond")
  })

  it("knows an Android sparse image", async () => {
    const path = join(scratch(), "sparse.img")
    writeFileSync(path, Buffer.concat([Buffer.from([0x3a, 0xff, 0x26, 0xed]), Buffer.alloc(8192)]))
    const { code, stderr } = await cli(["info", path])
    expect(code).toBe(1)
    expect(stderr).toContain("an Android sparse image; convert it with simg2img first")
  })

  it("refuses a wrong checksum unless told to ignore it", async () => {
    const path = join(scratch(), "image.erofs")
    const image = readFileSync(lz4)
    image[1024 + 64] = 0x41
    writeFileSync(path, image)
    const { code, stderr } = await cli(["ls", path])
    expect(code).toBe(1)
    expect(stderr).toContain("--ignore-checksum")
    expect(await output("ls", "--ignore-checksum", path)).toBe(await output("ls", lz4))
  })
})

describe("info", () => {
  it.each(fixtures.images)(
    "says of $name what an independent reader says",
    async ({ file, superblock, extra }) => {
      const devices = extra.flatMap((one) => ["--device", fixturePath(one)])
      const facts = JSON.parse(await output("info", "--json", fixturePath(file), ...devices))
      expect(facts).toMatchObject({
        blockSize: superblock.block_size,
        blocks: superblock.blocks,
        inodes: superblock.inodes,
        epoch: superblock.epoch,
        fixedNanoseconds: superblock.fixed_nsec,
        metaBlock: superblock.meta_blkaddr,
        volumeName: superblock.volume_name,
        compat: superblock.compat,
        incompat: superblock.incompat,
        xattrPrefixes: superblock.xattr_prefix_count,
      })
      expect(facts.devices.map((device: { file: string }) => device.file)).toEqual(extra.map(fixturePath))
      if (superblock.algorithms.length > 0) {
        expect(facts.codecs.map((codec: { algorithm: string }) => codec.algorithm)).toEqual(
          superblock.algorithms,
        )
      }
      expect(await output("info", fixturePath(file))).toContain(
        `Block size:       ${superblock.block_size}\n`,
      )
    },
  )
})

describe("ls", () => {
  const names = Object.keys(readManifest("small-b512.json"))

  it("lists one directory, with '.' and '..' if asked for", async () => {
    const top = names.filter((name) => /^\/[^/]+$/.test(name)).map((name) => name.slice(1))
    expect((await output("ls", small)).trimEnd().split("\n").sort()).toEqual(top.sort())
    expect((await output("ls", "-a", small)).split("\n").slice(0, 2)).toEqual([".", ".."])
  })

  it("lists all directories below, empty ones too", async () => {
    const image = imageFile(directory({ a: directory({ b: directory({}), c: file("") }), d: directory({}) }))
    expect(await output("ls", "-R", image)).toBe("/:\na\nd\n\n/a:\nb\nc\n\n/a/b:\n\n/d:\n")
  })

  it("lists everything as JSON, with the numbers of the manifest", async () => {
    const listed = JSON.parse(await output("ls", "-R", "--json", small)) as { path: string; mode: number }[]
    expect(listed.map(({ path }) => path).sort()).toEqual(names.filter((name) => name !== "/").sort())
    const manifest = readManifest("small-b512.json")
    for (const { path, ...facts } of listed) {
      const { type, mode, uid, gid, nlink, mtime, size } = manifest[path] as NonNullable<
        (typeof manifest)[string]
      >
      expect(facts).toMatchObject({ type, mode, uid, gid, nlink, mtime, size })
    }
  })

  it("writes the long form", async () => {
    const mtime: [bigint, number] = [1_700_000_000n, 5]
    const image = imageFile(
      directory({
        file: file("12345", { mode: 0o4755, uid: 1000, gid: 70000, mtime }),
        link: symlink("file", { mtime }),
        null: special("char", [1, 300], { mode: 0o666, mtime }),
        tmp: directory({}, { mode: 0o1777, mtime }),
      }),
    )
    expect(await output("ls", "-l", image)).toBe(
      [
        "-rwsr-xr-x 1 1000 70000      5 2023-11-14T22:13:20Z file",
        "lrwxrwxrwx 1    0     0      4 2023-11-14T22:13:20Z link -> file",
        "crw-rw-rw- 1    0     0 1, 300 2023-11-14T22:13:20Z null",
        "drwxrwxrwt 2    0     0     27 2023-11-14T22:13:20Z tmp",
        "",
      ].join("\n"),
    )
  })

  it("goes on behind a path that is not there", async () => {
    const { code, stdout, stderr } = await cli(["ls", lz4, "/nope", "/"])
    expect(code).toBe(1)
    expect(stderr).toContain("'/nope': no such file or directory (ENOENT)")
    expect(stdout.toString()).toContain("/:\n")
  })

  it("writes names as they are, but escaped to a terminal", async () => {
    const image = imageFile(
      directory([
        [Buffer.from("\x1b[2Jx\n"), file("")],
        [Uint8Array.of(0xff), file("")],
      ]),
    )
    const piped = await cli(["ls", image])
    expect([...piped.stdout]).toEqual([...Buffer.from("\x1b[2Jx\n\n"), 0xff, 0x0a])
    const shown = await cli(["ls", image], { isTerminal: true })
    expect(shown.stdout.toString()).toBe("\\x1b[2Jx\\x0a\n\\xff\n")
  })
})

describe("tree", () => {
  const image = (): string =>
    imageFile(
      directory({
        a: directory({ x: file(""), y: directory({ deep: file("") }) }),
        b: symlink("a/x"),
        c: directory({}),
      }),
    )

  it("draws", async () => {
    expect(await output("tree", image())).toBe(
      "/\n├── a\n│   ├── x\n│   └── y\n│       └── deep\n├── b -> a/x\n└── c\n\n3 directories, 3 files\n",
    )
  })

  it("goes down only so far, and begins where it is told to", async () => {
    const path = image()
    expect(await output("tree", "--depth", "1", path)).toBe(
      "/\n├── a\n├── b -> a/x\n└── c\n\n2 directories, 1 file\n",
    )
    expect(await output("tree", path, "/a/y")).toBe("/a/y\n└── deep\n\n0 directories, 1 file\n")
  })

  it("gives JSON", async () => {
    const entries = JSON.parse(await output("tree", "--json", image())) as { path: string; depth: number }[]
    expect(entries.map(({ path, depth }) => [path, depth])).toEqual(
      expect.arrayContaining([
        ["/", 0],
        ["/a/y/deep", 3],
      ]),
    )
    expect(entries.length).toBe(7)
  })
})

describe("stat", () => {
  it("gives every number exactly", async () => {
    const size = 2n ** 62n + 1n
    const image = imageFile(directory({ huge: file("x", { size, mtime: [-(2n ** 40n), 999999999] }) }))
    const { code, stdout, stderr } = await cli(["stat", "--json", image, "/huge"])
    const text = stdout.toString()
    // Its mapping is beyond what can be read, but what the inode says is there.
    expect(code).toBe(1)
    expect(stderr).toContain("EOVERFLOW")
    expect(text).toContain(`"size": ${size}`)
    expect(text).toContain(`${-(2n ** 40n)},\n      999999999`)
    expect(await output("stat", image, "/")).toContain("Type:        dir\n")
  })

  it("shows attributes, with values if asked for", async () => {
    const xattrs = { "user.note": "hello", "trusted.raw": Uint8Array.of(0, 255) }
    const image = imageFile(directory({ f: file("", { xattrs }) }))
    expect(await output("stat", image, "/f")).toContain("  user.note: 5 bytes\n  trusted.raw: 2 bytes\n")
    const text = await output("stat", "--xattrs", image, "/f")
    expect(text).toContain('  user.note: 5 bytes: "hello"\n  trusted.raw: 2 bytes: 0x00ff\n')
    expect(JSON.parse(await output("stat", "--json", "--xattrs", image, "/f"))[0].xattrs).toEqual({
      "trusted.raw": { size: 2, value: "AP8=" },
      "user.note": { size: 5, value: "aGVsbG8=" },
    })
  })

  it("shows fingerprints and extents", async () => {
    const manifest = readManifest("share-new-default-name.json")
    const paths = Object.keys(manifest).filter(
      (path) => (manifest[path]?.sha256 ? manifest[path].size : 0) > 0,
    )
    const facts = JSON.parse(await output("stat", "--json", "--extents", shared, ...paths)) as {
      path: string
      fingerprint: string
      extents: { position: number; length: number }[]
    }[]
    for (const { path, fingerprint, extents } of facts) {
      const expected = manifest[path] as NonNullable<(typeof manifest)[string]>
      expect(fingerprint).toBe(`sha256:${expected.sha256}`)
      expect(extents.reduce((end, { position, length }) => (position === end ? end + length : -1), 0)).toBe(
        expected.size,
      )
    }
    expect(facts.length).toBeGreaterThan(10)
  })

  it("takes the number of an inode", async () => {
    const byPath = JSON.parse(await output("stat", "--json", small, "/names"))[0]
    const byNid = JSON.parse(await output("stat", "--json", small, "--nid", String(byPath.nid)))[0]
    expect(byNid).toEqual({ ...byPath, path: `nid ${byPath.nid}` })
  })
})

describe("cat", () => {
  it("gives the bytes of files, one behind the other", async () => {
    const manifest = readManifest("lz4.json")
    const paths = Object.keys(manifest).filter((path) => manifest[path]?.type === "file")
    for (const path of paths) {
      const { code, stdout } = await cli(["cat", lz4, path])
      expect(code).toBe(0)
      expect(createHash("sha256").update(stdout).digest("hex")).toBe(manifest[path]?.sha256)
    }
    const { stdout } = await cli(["cat", lz4, ...paths])
    expect(stdout.length).toBe(paths.reduce((sum, path) => sum + (manifest[path]?.size ?? 0), 0))
  })

  it("names a directory and goes on", async () => {
    const image = imageFile(directory({ a: file("A"), b: file("B") }))
    const { code, stdout, stderr } = await cli(["cat", image, "/a", "/", "/b"])
    expect(code).toBe(1)
    expect(stdout.toString()).toBe("AB")
    expect(stderr).toBe("erofs-wasm cat: '/': is a directory (EISDIR)\n")
  })

  it("ends quietly when nobody reads", async () => {
    const messages: Uint8Array[] = []
    const code = await run(["cat", imageFile(directory({ a: file("A") })), "/a"], {
      stdout: {
        isTerminal: false,
        write: () => Promise.reject(Object.assign(new Error("x"), { code: "EPIPE" })),
      },
      stderr: { isTerminal: false, write: (bytes) => void messages.push(bytes) },
    })
    expect([code, messages]).toEqual([0, []])
  })
})
