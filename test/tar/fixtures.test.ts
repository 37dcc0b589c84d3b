// SPDX-License-Identifier: MIT
/** Archives of all images, as others read them, beside what the kernel sees in the images. */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { lstatSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { unpackTar } from "modern-tar"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { encodeName } from "../../src/format/names.js"
import { loadTar, PagePool } from "../../src/index.js"
import { describeTree, scratch } from "../support/cli.js"
import { allFixtures, type Fixture, type ManifestEntry } from "../support/flat-image.js"
import { gnuTar, hasGnuTar, listWithGnuTar } from "../support/gnu-tar.js"
import { type ListedImage, readIndex, sourcesOf } from "../support/image-set.js"
import { manifestOf } from "../support/open.js"
import { readTar, xattrsOf } from "../support/tar.js"

const isRoot = process.geteuid?.() === 0
const hasGetfattr = spawnSync("getfattr", ["--version"]).error === undefined
/** Seconds that the filesystem of the tests can hold: ext4 ends in 2446. */
const MAX_SECONDS = 15032385535
const MAX_XATTR_TEXT = 4000
/** Too large for memory: a file of 4 GiB. */
const HUGE = "huge-zstd-48bit"

const FOLDER = fileURLToPath(new URL("../fixtures/images/", import.meta.url))
const index = readIndex(FOLDER)
const images = allFixtures.filter(({ name }) => name !== HUGE)

let pool: PagePool
beforeAll(async () => {
  await loadTar()
  pool = await PagePool.create({ bytes: 4 << 20 })
})
afterAll(() => pool.drop())

function archiveOf(name: string): Buffer {
  const listed = index.find((one) => one.name === name) as ListedImage
  const { source, devices } = sourcesOf(FOLDER, listed)
  using image = pool.mountSync(source, { devices })
  return Buffer.concat([...image.tarSync("/")])
}

/** A path as bytes that sort as a tree is gone through: the slash before all that names hold. */
const inTreeOrder = (path: string): Uint8Array => encodeName(path.replaceAll("/", "\0"))

/** What an archive should hold, in order: sockets it cannot. */
function expectedOf(name: string): [path: string, entry: ManifestEntry][] {
  return Object.entries(manifestOf(name))
    .filter(([, { type }]) => type !== "socket")
    .sort(([a], [b]) => Buffer.compare(inTreeOrder(a), inTreeOrder(b)))
}

/** The name of a member, without the slash of directories. */
const memberName = (path: string): string => (path === "/" ? "." : path.slice(1))

const nanoseconds = ([seconds, rest]: [number, number]): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest)

describe.each(images)("archive of $name", ({ name }: Fixture) => {
  it("says all that the manifest says, byte for byte", () => {
    const members = readTar(archiveOf(name))
    const types = { file: "0", dir: "5", symlink: "2", char: "3", block: "4", fifo: "6" } as Record<
      string,
      string
    >
    const described = members.map((member) => ({
      ...member,
      content: member.type === "0" ? createHash("sha256").update(member.content).digest("hex") : undefined,
      pax: undefined,
      xattrs: member.type === "1" ? undefined : xattrsOf(member),
    }))
    const expected = expectedOf(name).map(([path, entry]) => ({
      type: entry.link_of ? "1" : types[entry.type],
      path: memberName(path),
      link: entry.link_of ? memberName(entry.link_of) : (entry.target ?? ""),
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      size: entry.type === "file" && !entry.link_of ? entry.size : 0,
      mtime: nanoseconds(entry.mtime),
      device: entry.rdev ?? [0, 0],
      content: entry.link_of ? undefined : entry.sha256,
      pax: undefined,
      xattrs: entry.link_of ? undefined : entry.xattrs,
    }))
    expect(described).toEqual(expected)
  })

  it("is read by modern-tar, strictly", async () => {
    const entries = await unpackTar(archiveOf(name), { strict: true })
    const lossy = (text: string): string => new TextDecoder().decode(encodeName(text))
    expect(
      entries.map(({ header, data }) => ({
        name: header.name.replace(/(.)\/$/, "$1"),
        type: header.type,
        mode: header.mode,
        uid: header.uid,
        gid: header.gid,
        link: header.linkname ?? "",
        digest:
          header.type === "file"
            ? createHash("sha256")
                .update(data ?? "")
                .digest("hex")
            : undefined,
      })),
    ).toEqual(
      expectedOf(name).map(([path, entry]) => ({
        name: lossy(memberName(path)),
        type: entry.link_of ? "link" : MODERN_TYPES[entry.type],
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        link: lossy(entry.link_of ? memberName(entry.link_of) : (entry.target ?? "")),
        digest: entry.link_of ? undefined : entry.sha256,
      })),
    )
  })

  it.skipIf(!hasGnuTar)("is listed by GNU tar (if it is there)", () => {
    // It indents names behind a time that is long, and shows fractions of seconds before 1970 the wrong way round.
    const listed = listWithGnuTar(archiveOf(name)).map(({ mode, name, ...rest }) => ({
      ...rest,
      type: mode[0],
      path: unescaped(name.replace(/ (?:->|link to) .*$/s, "").trimStart()).replace(/(.)\/$/, "$1"),
    }))
    const expected = expectedOf(name)
    for (const [i, [, { mtime }]] of expected.entries()) {
      if (mtime[0] < 0 && mtime[1] !== 0 && listed[i]) listed[i].time = timeText(mtime)
    }
    expect(listed).toEqual(
      expected.map(([path, entry]) => ({
        owner: `${entry.uid}/${entry.gid}`,
        size:
          entry.rdev && !entry.link_of
            ? entry.rdev.join()
            : String(entry.type === "file" && !entry.link_of ? entry.size : 0),
        time: timeText(entry.mtime),
        type: entry.link_of ? "h" : LETTERS[entry.type],
        path: Buffer.from(encodeName(memberName(path)))
          .toString("latin1")
          .trimStart(),
      })),
    )
  })

  it.skipIf(!isRoot || !hasGnuTar)("becomes what the kernel shows (needs GNU tar, and to be root)", () => {
    const target = join(scratch(), "tree")
    mkdirSync(target)
    gnuTar(archiveOf(name), "-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", target)
    const expected = new Map(
      expectedOf(name).map(([path, { xattrs, nlink, size, link_of, mtime, ...kept }]) => {
        return [path, { ...kept, mtime: [Math.min(mtime[0], MAX_SECONDS), mtime[1]] }]
      }),
    )
    const found = describeTree(target)
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
    for (const [path, entry] of found) expect([path, entry]).toEqual([path, expected.get(path)])
    for (const [path, { link_of }] of expectedOf(name)) {
      if (!link_of) continue
      const at = (one: string): Buffer => Buffer.concat([Buffer.from(target), encodeName(one)])
      expect(lstatSync(at(path)).ino).toBe(lstatSync(at(link_of)).ino)
    }
    if (!hasGetfattr) return
    const dumped = dumpXattrs(target)
    for (const [path, { xattrs }] of expectedOf(name)) {
      const key = Buffer.from(encodeName(path === "/" ? "" : path)).toString("latin1")
      expect([path, keepable(dumped.get(key) ?? {})]).toEqual([path, keepable(xattrs)])
    }
  })
})

/** Attributes that fit a block of ext4. */
function keepable(xattrs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(xattrs).filter(([, value]) => value.length < MAX_XATTR_TEXT))
}

const MODERN_TYPES: Record<string, string> = {
  file: "file",
  dir: "directory",
  symlink: "symlink",
  char: "character-device",
  block: "block-device",
  fifo: "fifo",
}
const LETTERS: Record<string, string> = {
  file: "-",
  dir: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
}

/** A time as GNU tar shows it. */
function timeText([seconds, rest]: [number, number]): string {
  const date = new Date(seconds * 1000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "")
  return rest === 0 ? date : `${date}.${String(rest).padStart(9, "0").replace(/0+$/, "")}`
}

/** The bytes of an escaped name, as latin1. */
function unescaped(text: string): string {
  const letters = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" } as Record<
    string,
    string
  >
  return text.replace(/\\([0-7]{3}|.)/gs, (_, code: string) => {
    return code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (letters[code] ?? code)
  })
}

/** Extended attributes below a directory by path (bytes as latin1) and name, values in base64. */
function dumpXattrs(target: string): Map<string, Record<string, string>> {
  const text = execFileSync(
    "getfattr",
    ["-R", "-P", "-h", "-d", "-m-", "-ehex", "--absolute-names", target],
    {
      maxBuffer: 1 << 28,
    },
  ).toString("latin1")
  const dumped = new Map<string, Record<string, string>>()
  for (const block of text.split("\n\n").filter(Boolean)) {
    const [head, ...lines] = block.split("\n")
    const path = unescaped((head as string).slice("# file: ".length)).slice(target.length)
    const xattrs = lines.filter(Boolean).map((line): [string, string] => {
      const equals = line.indexOf("=")
      return [unescaped(line.slice(0, equals)), Buffer.from(line.slice(equals + 3), "hex").toString("base64")]
    })
    dumped.set(
      path,
      Object.fromEntries(xattrs.map(([key, value]) => [Buffer.from(key, "latin1").toString(), value])),
    )
  }
  return dumped
}
