// SPDX-License-Identifier: MIT
/** Headers and pax records: any numbers, names and attributes come back as they were. */
import fc from "fast-check"
import { unpackTar } from "modern-tar"
import { describe, expect, it } from "vitest"
import { decodeName } from "../../src/format/names.js"
import {
  fitsOctal,
  splitPath,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from "../../src/tar/header.js"
import { encodeMember, paddingOf, type TarMember } from "../../src/tar/member.js"
import { decimalSeconds, paxRecord, xattrKey } from "../../src/tar/pax.js"
import { hasGnuTar, listWithGnuTar, readTar, xattrsOf } from "../support/tar.js"

const END = new Uint8Array(1024)

const plain: TarMember = {
  type: TYPE_FILE,
  path: Buffer.from("file"),
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0n,
  link: new Uint8Array(0),
  major: 0,
  minor: 0,
  xattrs: [],
}

/** The one member that was written. */
function reread(member: TarMember) {
  // The bytes of a huge file are not there; the header must be right all the same.
  const bytes = encodeMember({ ...member, size: 0 })
  const [read, ...others] = readTar(Buffer.concat([bytes, END]))
  expect(others).toEqual([])
  return read as NonNullable<typeof read>
}

/** Bytes of a path: no NUL, no empty names. */
const paths = fc
  .array(
    fc
      .oneof(
        fc.string({ unit: "binary", minLength: 1, maxLength: 60 }).map((text) => Buffer.from(text)),
        fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
      )
      .map((name) => Buffer.from(name.map((byte) => (byte === 0 || byte === 0x2f ? 0x5f : byte)))),
    { minLength: 1, maxLength: 6 },
  )
  .map((names) => names.reduce((path, name) => Buffer.concat([path, Buffer.from("/"), name])))

const members = fc.record({
  type: fc.constantFrom(TYPE_FILE, TYPE_DIRECTORY, TYPE_SYMLINK, TYPE_CHAR),
  path: paths,
  mode: fc.nat(0o7777),
  uid: fc.nat(0xffffffff),
  gid: fc.nat(0xffffffff),
  mtime: fc.bigInt(-(2n ** 93n), 2n ** 93n),
  link: fc.oneof(fc.constant(Buffer.alloc(0)), paths),
  major: fc.nat(0xfff),
  minor: fc.nat(0xfffff),
  xattrs: fc.uniqueArray(
    fc.record({
      name: paths.map((path) => Buffer.concat([Buffer.from("user."), path])),
      value: fc.uint8Array({ maxLength: 2000 }),
    }),
    { maxLength: 4, selector: ({ name }) => name.toString("latin1") },
  ),
})

describe("a member", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(members, (member) => {
        const read = reread({ ...plain, ...member })
        expect(read).toMatchObject({
          type: String.fromCharCode(member.type),
          path: decodeName(member.path),
          link: decodeName(member.link),
          mode: member.mode,
          uid: member.uid,
          gid: member.gid,
          mtime: member.mtime,
          device: [member.major, member.minor],
        })
        const values = member.xattrs.map(({ name, value }) => [
          decodeName(name),
          Buffer.from(value).toString("base64"),
        ])
        expect(xattrsOf(read)).toEqual(Object.fromEntries(values))
      }),
    )
  })

  it.skipIf(!hasGnuTar)("is what GNU tar sees (if it is there)", () => {
    const all = fc.sample(members, { numRuns: 200, seed: 7 }).map((member, i) => ({
      ...plain,
      ...member,
      // Times that GNU tar can hold and shows right, no escapes to undo, no target to tell from the name.
      type: member.type === TYPE_SYMLINK ? TYPE_FILE : member.type,
      link: Buffer.alloc(0),
      mtime: (member.mtime < 0n ? -member.mtime : member.mtime) % 2n ** 66n,
      path: Buffer.from(`${i}/${"n".repeat((i * 7) % 300)}x`),
      xattrs: [],
    }))
    const listed = listWithGnuTar(Buffer.concat([...all.map(encodeMember), END]))
    expect(listed.length).toBe(all.length)
    for (const [i, member] of all.entries()) {
      const { owner, name, size, mode } = listed[i] as (typeof listed)[number]
      expect([owner, name.trimStart().replace(/\/$/, ""), size, mode.replace(/[sStT]/g, "x").length]).toEqual(
        [
          `${member.uid}/${member.gid}`,
          member.path.toString(),
          member.type === TYPE_CHAR ? `${member.major},${member.minor}` : "0",
          10,
        ],
      )
    }
  })

  it("is what modern-tar sees", async () => {
    const all = fc.sample(members, { numRuns: 200, seed: 8 }).map((member, i) => ({
      ...plain,
      ...member,
      path: Buffer.from(`${i}/${"ü".repeat((i * 3) % 150)}`),
      link: Buffer.alloc(0),
      xattrs: [],
    }))
    const entries = await unpackTar(Buffer.concat([...all.map(encodeMember), END]), { strict: true })
    expect(entries.map(({ header: { name, uid, gid, mode } }) => [name, uid, gid, mode])).toEqual(
      all.map(({ path, uid, gid, mode }) => [path.toString(), uid, gid, mode]),
    )
  })

  it("has sizes and owners in octal as long as they fit, and in records beyond", () => {
    const sizes = [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1]
    for (const size of sizes) {
      const bytes = Buffer.from(encodeMember({ ...plain, size }))
      const header = bytes.subarray(-512)
      const field = Number.parseInt(header.toString("latin1", 124, 135), 8)
      const record = /size=(\d+)\n/.exec(bytes.toString("latin1"))?.[1]
      expect([size, field, record]).toEqual(
        size < 8 ** 11 ? [size, size, undefined] : [size, 0, String(size)],
      )
    }
    expect(encodeMember({ ...plain, uid: 0o7777777 }).length).toBe(512)
    expect(encodeMember({ ...plain, uid: 0o7777777 + 1 }).length).toBe(1536)
  })

  it("needs no records if all is small and plain", () => {
    const path = Buffer.from(`${"p".repeat(155)}/${"n".repeat(100)}`)
    expect(encodeMember({ ...plain, path, mtime: (8n ** 11n - 1n) * 1_000_000_000n }).length).toBe(512)
    expect(encodeMember({ ...plain, path: Buffer.concat([path, Buffer.from("n")]) }).length).toBe(1536)
  })

  it("says that a name is not UTF-8 only where a record holds it", () => {
    const short = Buffer.from("latin1-\xe9", "latin1")
    const long = Buffer.from("\xe9".repeat(120), "latin1")
    expect([...reread({ ...plain, path: short }).pax.keys()]).toEqual([])
    expect([...reread({ ...plain, path: long }).pax.keys()]).toEqual(["hdrcharset", "path"])
    expect([...reread({ ...plain, path: long, link: long }).pax.keys()]).toEqual([
      "hdrcharset",
      "path",
      "linkpath",
    ])
    expect([...reread({ ...plain, path: Buffer.from("ü"), link: long }).pax.keys()]).toEqual([
      "hdrcharset",
      "path",
      "linkpath",
    ])
    expect([...reread({ ...plain, path: Buffer.from("ü") }).pax.keys()]).toEqual(["path"])
  })
})

describe("a path", () => {
  it("is cut at a slash where both parts fit, if there is such a slash", () => {
    fc.assert(
      fc.property(paths, fc.boolean(), (path, isDirectory) => {
        const whole = isDirectory ? Buffer.concat([path, Buffer.from("/")]) : path
        const split = splitPath(whole)
        const cuts = [...whole.keys()].filter((at) => whole[at] === 0x2f && at > 0 && at < whole.length - 1)
        const fits = whole.length <= 100 || cuts.some((at) => at <= 155 && whole.length - at - 1 <= 100)
        expect(split !== undefined).toBe(fits)
        if (!split) return
        const { name, prefix } = split
        expect(name.length).toBeLessThanOrEqual(100)
        expect(prefix.length).toBeLessThanOrEqual(155)
        const joined = prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : Buffer.from(name)
        expect(joined.equals(whole)).toBe(true)
      }),
    )
  })
})

describe("records", () => {
  it("count themselves", () => {
    const lengths = fc.oneof(
      fc.nat(120),
      fc.integer({ min: 960, max: 1010 }),
      fc.integer({ min: 9960, max: 10010 }),
    )
    fc.assert(
      fc.property(lengths, (length) => {
        const value = Buffer.alloc(length, "\n=\0")
        const record = Buffer.from(paxRecord("key", value))
        expect(record.toString("latin1")).toBe(`${record.length} key=${value.toString("latin1")}\n`)
      }),
    )
  })

  it("have keys that GNU tar turns back into names", () => {
    const text = (name: string): string => Buffer.from(xattrKey(Buffer.from(name))).toString()
    expect(text("user.a=b")).toBe("SCHILY.xattr.user.a%3Db")
    expect(text("user.100%")).toBe("SCHILY.xattr.user.100%")
    expect(text("user.%3D%25%41")).toBe("SCHILY.xattr.user.%253D%2525%41")
  })

  it("have times in decimal, exactly", () => {
    expect(decimalSeconds(-1n)).toBe("-0.000000001")
    expect(decimalSeconds(-1_000_000_000n)).toBe("-1")
    expect(decimalSeconds(1_500_000_000n)).toBe("1.5")
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 100n), 2n ** 100n), (time) => {
        const [, sign, seconds, fraction = ""] =
          /^(-?)(\d+)(?:\.(\d*[1-9]))?$/.exec(decimalSeconds(time)) ?? []
        const size = BigInt(seconds as string) * 10n ** 9n + BigInt(fraction.padEnd(9, "0"))
        expect(sign ? -size : size).toBe(time)
      }),
    )
  })
})

it("numbers fit so many digits", () => {
  expect([
    fitsOctal(8 ** 7 - 1, 7),
    fitsOctal(8 ** 7, 7),
    fitsOctal(-1, 7),
    fitsOctal(8n ** 11n, 11),
  ]).toEqual([true, false, false, false])
})

it("padding leads to whole blocks", () => {
  expect([0, 1, 511, 512, 513, 2 ** 53 - 1].map(paddingOf)).toEqual([0, 511, 1, 0, 511, 1])
})
