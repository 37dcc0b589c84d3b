// SPDX-License-Identifier: MIT
/** Members of archives, any there can be, for property tests. */
import fc from "fast-check"
import { TYPE_CHAR, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from "../../src/tar/header.js"
import type { TarMember } from "../../src/tar/member.js"

/** What ends an archive. */
export const END = new Uint8Array(1024)

/** An empty file. */
export const plain: TarMember = {
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

/** Bytes of a path: no NUL, no empty names. */
export const paths = fc
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

export const members = fc.record({
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
