// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { deviceParts } from "../format/inode.js"
import { compareNames } from "../format/names.js"
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"

/** One entry of a manifest; see {@link manifestEntries}. */
export interface ManifestEntry {
  type: "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket"
  mode: number
  uid: number
  gid: number
  nlink: number
  size: bigint
  /** Seconds, possibly negative, and nanoseconds. */
  mtime: [seconds: bigint, nanoseconds: number]
  /** Values in base64. */
  xattrs: Record<string, string>
  rdev?: [major: number, minor: number]
  target?: string
  sha256?: string
  link_of?: string
}

/** Bytes hashed at a time. */
const PIECE = 1 << 20
const NANOSECONDS = 1_000_000_000n

/**
 * Everything in an image, by path in the order of the paths' bytes: what a description of a mounted directory says,
 * key by key. `onEntry` is told of progress.
 */
export async function* manifestEntries(
  image: Image,
  onEntry: (entry: WalkEntry) => void = () => {},
): AsyncGenerator<[path: string, entry: ManifestEntry]> {
  const entries: WalkEntry[] = []
  for await (const entry of image.walk("/")) entries.push(entry)
  entries.sort((a, b) => compareNames(a.pathBytes, b.pathBytes))
  const first = new Map<bigint, string>()
  const buffer = new Uint8Array(PIECE)
  for (const entry of entries) {
    onEntry(entry)
    yield [entry.path, await describe(image, entry, first, buffer)]
  }
}

async function describe(
  image: Image,
  entry: WalkEntry,
  first: Map<bigint, string>,
  buffer: Uint8Array,
): Promise<ManifestEntry> {
  const stats = entry.stats
  const seconds = floorDivide(stats.mtimeNs, NANOSECONDS)
  const described: ManifestEntry = {
    type: typeOf(entry),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    nlink: Number(stats.nlink),
    size: stats.size,
    mtime: [seconds, Number(stats.mtimeNs - seconds * NANOSECONDS)],
    xattrs: await xattrsOf(image, entry),
  }
  if (described.type === "char" || described.type === "block") described.rdev = deviceParts(stats.rdev)
  if (described.type === "symlink") described.target = await image.readlink(entry)
  if (described.type === "file") described.sha256 = await sha256(image, entry, buffer)
  if (described.type !== "dir" && stats.nlink > 1n) {
    const original = first.get(entry.nid)
    if (original === undefined) first.set(entry.nid, entry.path)
    else described.link_of = original
  }
  return described
}

function typeOf(entry: WalkEntry): ManifestEntry["type"] {
  if (entry.isFile()) return "file"
  if (entry.isDirectory()) return "dir"
  if (entry.isSymbolicLink()) return "symlink"
  if (entry.isCharacterDevice()) return "char"
  if (entry.isBlockDevice()) return "block"
  return entry.isFIFO() ? "fifo" : "socket"
}

/** Attributes by name, sorted as the reference sorts them: by code points. */
async function xattrsOf(image: Image, entry: WalkEntry): Promise<Record<string, string>> {
  const names = await image.listxattr(entry)
  const values: Record<string, string> = {}
  for (const name of names.sort()) {
    values[name] = Buffer.from(await image.getxattr(entry, name)).toString("base64")
  }
  return values
}

/** SHA-256 of a file's content, in hex. */
export async function sha256(image: Image, entry: WalkEntry, buffer: Uint8Array): Promise<string> {
  const hash = createHash("sha256")
  await using file = await image.open(entry)
  for (let position = 0; position < file.size; ) {
    const count = await file.read(buffer, position)
    hash.update(buffer.subarray(0, count))
    position += count
  }
  return hash.digest("hex")
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a < 0n && a % b !== 0n ? a / b - 1n : a / b
}
