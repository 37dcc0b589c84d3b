// SPDX-License-Identifier: MIT
/** Headers and pax records: any numbers, names and attributes come back as they were. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeName } from "../../src/format/names.js"
import { fitsOctal, splitPath } from "../../src/tar/header.js"
import { encodeMember, paddingOf, type TarMember } from "../../src/tar/member.js"
import { decimalSeconds, paxRecord, xattrKey } from "../../src/tar/pax.js"
import { readTar, xattrsOf } from "../support/tar.js"
import { END, members, paths, plain } from "../support/tar-members.js"

/** The one member that was written. */
function reread(member: TarMember) {
  // The bytes of a huge file are not there; the header must be right all the same.
  const bytes = encodeMember({ ...member, size: 0 })
  const [read, ...others] = readTar(Buffer.concat([bytes, END]))
  expect(others).toEqual([])
  return read as NonNullable<typeof read>
}

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
