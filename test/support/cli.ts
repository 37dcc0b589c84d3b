// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { run } from "../../src/cli/run.js"
import { decodeName } from "../../src/format/names.js"
import { type BuildNode, buildImage } from "./build-image.js"
import type { ManifestEntry } from "./flat-image.js"

/** What a run of the command line left behind. */
export interface CliResult {
  code: number
  stdout: Buffer
  stderr: string
}

/** Runs the command line in this process. */
export async function cli(argv: string[], { isTerminal = false } = {}): Promise<CliResult> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  const code = await run(argv, {
    stdout: { isTerminal, write: async (bytes) => void out.push(Buffer.from(bytes)) },
    stderr: { isTerminal, write: (bytes) => void err.push(Buffer.from(bytes)) },
  })
  return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
}

/** Like {@link cli}, for what must go well: answers standard output as text. */
export async function output(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(argv)
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`)
  return stdout.toString()
}

/** A directory that goes away with the test. */
export function scratch(): string {
  const path = mkdtempSync(join(tmpdir(), "erofs-wasm-"))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Path of a fixture. */
export function fixturePath(file: string): string {
  return new URL(`../fixtures/images/${file}`, import.meta.url).pathname
}

/** Writes an image into a scratch directory; answers its path. */
export function imageFile(root: BuildNode, damage: (image: Uint8Array) => void = () => {}): string {
  const image = buildImage(root)
  damage(image)
  const path = join(scratch(), "image.erofs")
  writeFileSync(path, image)
  return path
}

const TYPES = new Map([
  [0o100000, "file"],
  [0o040000, "dir"],
  [0o120000, "symlink"],
  [0o020000, "char"],
  [0o060000, "block"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
])

/** A tree of the system in the words of manifests: what one can see without reading attributes. */
export function describeTree(root: string): Map<string, Omit<ManifestEntry, "xattrs" | "nlink" | "size">> {
  const found = new Map<string, ReturnType<typeof describeOne>>()
  const visit = (at: Buffer, path: string): void => {
    const entry = describeOne(at)
    found.set(path || "/", entry)
    if (entry.type !== "dir") return
    for (const name of readdirSync(at, { encoding: "buffer" })) {
      visit(Buffer.concat([at, Buffer.from("/"), name]), `${path}/${decodeName(name)}`)
    }
  }
  visit(Buffer.from(root), "")
  return found
}

function describeOne(at: Buffer): Omit<ManifestEntry, "xattrs" | "nlink" | "size"> {
  const { mode, uid, gid, mtimeNs, rdev } = lstatSync(at, { bigint: true })
  const type = TYPES.get(Number(mode & 0o170000n)) as string
  const seconds = mtimeNs / 1_000_000_000n - (mtimeNs % 1_000_000_000n < 0n ? 1n : 0n)
  return {
    type,
    mode: Number(mode & 0o7777n),
    uid: Number(uid),
    gid: Number(gid),
    mtime: [Number(seconds), Number(mtimeNs - seconds * 1_000_000_000n)],
    ...(type === "char" || type === "block"
      ? { rdev: [Number(rdev >> 8n) & 0xfff, Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n))] }
      : {}),
    ...(type === "symlink" ? { target: decodeName(readlinkSync(at, { encoding: "buffer" })) } : {}),
    ...(type === "file" ? { sha256: createHash("sha256").update(readFileSync(at)).digest("hex") } : {}),
  }
}

/** All names below a directory, links not followed; for "nothing else was written". */
export function namesBelow(root: string): string[] {
  return [...describeTree(root).keys()].sort()
}
