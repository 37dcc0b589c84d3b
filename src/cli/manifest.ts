// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { isErofsError } from "../errors.js"
import { compareNames } from "../format/names.js"
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"
import { type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED } from "./exit.js"
import { deviceOf, type InodeType, permissionsOf, secondsAndNanoseconds, typeOf } from "./facts.js"
import { withImage } from "./mounted.js"
import { OUTPUT_OPTION, withOutput } from "./output.js"
import { Printer, toJson } from "./print.js"
import { Progress } from "./progress.js"

/** One entry of a manifest; see {@link manifestEntries}. */
export type ManifestEntry = {
  type: InodeType
  mode: number
  uid: number
  gid: number
  nlink: number
  size: bigint
  /** Seconds, possibly negative, and nanoseconds. */
  mtime: [seconds: bigint, nanoseconds: number]
  /** Values in base64. */
  xattrs: Map<string, string>
  rdev?: [major: number, minor: number]
  target?: string
  sha256?: string
  link_of?: string
}

/** `manifest`: everything in an image as JSON, for comparisons. */
export const manifest: Command = {
  name: "manifest",
  summary: "Describes everything in an image as JSON, with a digest of every file.",
  usage: "[-o FILE] IMAGE",
  options: [
    OUTPUT_OPTION,
    { name: "oracle", value: "TEXT", help: "who read the image, for the field 'oracle'; default null" },
    PROGRESS_OPTION,
  ],
  notes: [
    "One entry a line, sorted by the bytes of the paths. Names that are not UTF-8 hold each",
    "offending byte 0xNN as the lone surrogate U+DCNN.",
  ],
  words: { min: 1, max: 1 },
  async run(call: Call): Promise<number> {
    const { args, io } = call
    return await withImage(args, (image) =>
      withOutput(args, io.stdout, async (output) => {
        const printer = new Printer(output)
        const code = await printManifest(image, printer, call)
        await printer.flush()
        return code
      }),
    )
  },
}

async function printManifest(image: Image, out: Printer, { args, io, report }: Call): Promise<number> {
  const progress = new Progress(args, io.stderr, image.superblock.inodes)
  let path = "/"
  const onEntry = (entry: WalkEntry): void => {
    path = entry.path
    progress.entry(entry.isFile() ? Number(entry.stats.size) : 0)
  }
  try {
    await printEntries(image, out, args.text("oracle") ?? null, onEntry)
    return DONE
  } catch (error) {
    if (!isErofsError(error)) throw error
    report.error(error, path)
    return FAILED
  } finally {
    progress.end()
  }
}

async function printEntries(
  image: Image,
  out: Printer,
  oracle: string | null,
  onEntry: (entry: WalkEntry) => void,
): Promise<void> {
  out.text(`{"format":1,"oracle":${toJson(oracle)},"entries":{\n`)
  let separator = ""
  for await (const [path, entry] of manifestEntries(image, onEntry)) {
    out.text(`${separator}${toJson(path)}:${toJson(entry)}`)
    separator = ",\n"
    await out.drain()
  }
  out.text("\n}}\n")
}

/** Bytes hashed at a time. */
const PIECE = 1 << 20

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
  using expected = image.expectContents()
  // Each once, whatever it is called.
  const files = [...new Set(entries.filter((entry) => entry.isFile()).map(({ nid }) => nid))]
  const turns = new Map(files.map((nid, turn) => [nid, turn]))
  for (const nid of files) expected?.add(nid)
  for (const entry of entries) {
    onEntry(entry)
    const turn = turns.get(entry.nid)
    if (turn !== undefined) await expected?.reach(turn)
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
  const described: ManifestEntry = {
    type: typeOf(stats),
    mode: permissionsOf(stats),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    nlink: Number(stats.nlink),
    size: stats.size,
    mtime: secondsAndNanoseconds(stats.mtimeNs),
    xattrs: await xattrsOf(image, entry),
  }
  const rdev = deviceOf(stats)
  if (rdev) described.rdev = rdev
  if (described.type === "symlink") described.target = await image.readlink(entry)
  if (described.type === "file") described.sha256 = await sha256(image, entry, buffer)
  if (described.type !== "dir" && stats.nlink > 1n) {
    const original = first.get(entry.nid)
    if (original === undefined) first.set(entry.nid, entry.path)
    else described.link_of = original
  }
  return described
}

/** Attributes by name, in the order of their code points. */
async function xattrsOf(image: Image, entry: WalkEntry): Promise<Map<string, string>> {
  const names = await image.listxattr(entry)
  const values = new Map<string, string>()
  for (const name of names.sort(compareCodePoints)) {
    values.set(name, Buffer.from(await image.getxattr(entry, name)).toString("base64"))
  }
  return values
}

/** Compares as sorting by code points does; UTF-16, which JavaScript sorts by, puts some the other way round. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
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
