// SPDX-License-Identifier: MIT
/** Headers as other programs read them. */
import { spawnSync } from "node:child_process"
import { lstatSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { unpackTar } from "modern-tar"
import { expect, it } from "vitest"
import { bufferSource, loadTar, PagePool } from "../../src/index.js"
import { TYPE_CHAR, TYPE_FILE, TYPE_SYMLINK } from "../../src/tar/header.js"
import { encodeMember } from "../../src/tar/member.js"
import { buildImage, directory, file } from "../support/build-image.js"
import { gnuTar, hasGnuTar, listWithGnuTar } from "../support/gnu-tar.js"
import { END, members, plain } from "../support/tar-members.js"

it.skipIf(!hasGnuTar)("GNU tar sees members as they were (if it is there)", () => {
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
    expect([owner, name.trimStart().replace(/\/$/, ""), size, mode.replace(/[sStT]/g, "x").length]).toEqual([
      `${member.uid}/${member.gid}`,
      member.path.toString(),
      member.type === TYPE_CHAR ? `${member.major},${member.minor}` : "0",
      10,
    ])
  }
})

it("modern-tar sees members as they were", async () => {
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

it.skipIf(!hasGnuTar)("GNU tar sees sizes beyond 8 GiB (if it is there)", () => {
  const sizes = [8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1]
  for (const size of sizes) {
    // It complains about the end that is missing, but has seen the size.
    const { stdout } = spawnSync("tar", ["-tvf", "-"], {
      input: encodeMember({ ...plain, size }),
      encoding: "utf8",
    })
    expect(stdout).toMatch(new RegExp(` ${size} .* file\n`))
  }
})

it.skipIf(!hasGnuTar)("GNU tar gives directories their modes and times (if it is there)", async () => {
  await loadTar()
  // Neighbours whose names sort before the slash: GNU tar is done with a directory when it sees one.
  const old = { mode: 0o555, mtime: [1_000_000_000n, 0] as [bigint, number] }
  const root = directory({
    a: directory({ x: file("x"), b: directory({ y: file("y") }, old) }, old),
    "a.b": file("a.b"),
    "a-d": directory({ z: file("z") }, old),
  })
  const pool = await PagePool.create({ bytes: 1 << 20 })
  using image = pool.mountSync(bufferSource(buildImage(root)))
  const target = mkdtempSync(join(tmpdir(), "erofs-wasm-tar-"))
  try {
    gnuTar(Buffer.concat([...image.tarSync("/")]), "-x", "-p", "-C", target)
    for (const path of ["a", "a/b", "a-d"]) {
      const { mode, mtimeMs } = lstatSync(join(target, path))
      expect([path, mode & 0o777, mtimeMs / 1000]).toEqual([path, 0o555, 1_000_000_000])
    }
  } finally {
    spawnSync("chmod", ["-R", "u+w", target])
    rmSync(target, { recursive: true })
  }
})
