// SPDX-License-Identifier: MIT
import type { ExtentDescription, InodeDescription } from "../describe.js"
import type { Image, Target } from "../image.js"
import type { BigIntStats } from "../stats.js"
import { type Call, type Command, JSON_OPTION, NID_OPTION } from "./arguments.js"
import { DONE, FAILED } from "./exit.js"
import {
  deviceOf,
  fingerprintText,
  hex,
  modeText,
  permissionsOf,
  statsJson,
  timeText,
  typeOf,
} from "./facts.js"
import { targetsOf, withImage } from "./mounted.js"
import { type Json, type Printer, toJson } from "./print.js"

/** Everything about one inode. */
interface InodeFacts {
  path: string
  stats: BigIntStats
  /** Undefined if the inode's mapping cannot be understood. */
  description: InodeDescription | undefined
  /** Where it points, of symlinks. */
  target: string | undefined
  xattrs: { name: string; value: Uint8Array }[]
}

/** `stat`: everything about inodes. */
export const stat: Command = {
  name: "stat",
  summary: "Prints everything about inodes: numbers, layout, codec, attributes.",
  usage: "IMAGE PATH...",
  options: [
    { name: "xattrs", help: "values of extended attributes, not only names and sizes" },
    { name: "extents", help: "where the content lies" },
    { name: "fingerprint", value: "NAME", help: "attribute with fingerprints, if the superblock names none" },
    NID_OPTION,
    JSON_OPTION,
  ],
  notes: ["Symbolic links are not followed at the end of a path."],
  words: { min: 1, max: Number.POSITIVE_INFINITY },
  async run({ args, out, report }: Call): Promise<number> {
    const targets = targetsOf(args, [])
    const found: Json[] = []
    const fingerprint = args.text("fingerprint")
    await withImage(
      args,
      async (image) => {
        for (const { target, path } of targets) {
          try {
            const onError = (error: unknown): void => report.error(error, path)
            const facts = await factsOf(image, target, path, args.has("extents"), onError)
            if (args.has("json")) found.push(jsonOf(facts, args.has("xattrs")))
            else printFacts(out, facts, args.has("xattrs"))
          } catch (error) {
            report.error(error, path)
          }
          await out.drain()
        }
      },
      { sharesFingerprints: true, ...(fingerprint !== undefined && { fingerprint }) },
    )
    if (args.has("json")) out.line(toJson(found, 2))
    return report.errors > 0 ? FAILED : DONE
  },
}

async function factsOf(
  image: Image,
  target: Target,
  path: string,
  extents: boolean,
  onError: (error: unknown) => void,
): Promise<InodeFacts> {
  const stats = await image.lstat(target, { bigint: true })
  const inode = { nid: stats.nid }
  const xattrs: InodeFacts["xattrs"] = []
  for (const name of await image.listxattr(inode, { hidden: true })) {
    xattrs.push({ name, value: await image.getxattr(inode, name) })
  }
  return {
    path,
    stats,
    description: await image.describe(inode, { extents }).catch((error: unknown) => void onError(error)),
    target: stats.isSymbolicLink() ? await image.readlink(inode) : undefined,
    xattrs,
  }
}

function jsonOf({ path, stats, description, target, xattrs }: InodeFacts, withValues: boolean): Json {
  const { fingerprint, extents, ...stored } = description ?? {}
  return {
    path,
    ...statsJson(stats),
    target,
    ino: stats.ino,
    blocks: stats.blocks,
    blksize: stats.blksize,
    ...stored,
    fingerprint: fingerprint && fingerprintText(fingerprint),
    xattrs: new Map(xattrs.map(({ name, value }) => [name, xattrJson(value, withValues)])),
    extents: extents?.map((extent) => ({ ...extent })),
  }
}

function xattrJson(value: Uint8Array, withValue: boolean): Json {
  return { size: value.length, value: withValue ? Buffer.from(value).toString("base64") : undefined }
}

function printFacts(out: Printer, facts: InodeFacts, withValues: boolean): void {
  const { path, stats, description, target, xattrs } = facts
  const line = (label: string, text: string | number | bigint): void => {
    out.line(`${`${label}:`.padEnd(13)}${text}`)
  }
  line("Path", out.name(path) + (target === undefined ? "" : ` -> ${out.name(target)}`))
  line("Type", typeOf(stats))
  line("Mode", `0${permissionsOf(stats).toString(8).padStart(3, "0")} (${modeText(stats)})`)
  line("Links", stats.nlink)
  line("Owner", `${stats.uid}:${stats.gid}`)
  line("Size", `${stats.size} bytes, ${stats.blocks} sectors of 512 bytes`)
  const device = deviceOf(stats)
  if (device) line("Device", device.join(", "))
  line("Modified", timeText(stats.mtimeNs, true))
  line("Inode", `nid ${stats.nid}, number ${stats.ino}${description ? `, ${placeText(description)}` : ""}`)
  if (description) line("Layout", layoutText(description))
  if (description?.fingerprint) line("Fingerprint", fingerprintText(description.fingerprint))
  if (xattrs.length > 0) line("Xattrs", xattrs.length)
  for (const { name, value } of xattrs) {
    out.line(`  ${out.name(name)}: ${value.length} bytes${withValues ? `: ${valueText(value)}` : ""}`)
  }
  if (description?.extents) line("Extents", description.extents.length)
  for (const extent of description?.extents ?? []) out.line(`  ${extentText(extent)}`)
}

function placeText({ isExtended, position, xattrSize }: InodeDescription): string {
  return `${isExtended ? "extended" : "compact"}, at byte ${position}, ${xattrSize} bytes of xattrs behind it`
}

function layoutText({ layout, index, algorithms, lclusterSize }: InodeDescription): string {
  const parts: string[] = [layout]
  if (index !== undefined) parts.push(`index ${index}`)
  if (algorithms.length > 0) parts.push(`codecs ${algorithms.join(" and ")}`)
  if (lclusterSize !== undefined) parts.push(`lclusters of ${lclusterSize} bytes`)
  return parts.join(", ")
}

const PRINTABLE = /^[\x20-\x7e]*$/

/** A value in quotes if it is plain text, otherwise in hex. */
function valueText(value: Uint8Array): string {
  const text = Buffer.from(value).toString("latin1")
  return PRINTABLE.test(text) ? JSON.stringify(text) : `0x${hex(value)}`
}

function extentText(extent: ExtentDescription): string {
  const parts = [`${extent.position} to ${extent.position + extent.length}: ${extent.kind}`]
  if (extent.algorithm !== undefined) parts.push(extent.algorithm)
  if (extent.offset !== undefined) {
    parts.push(`device ${extent.device}, offset ${extent.offset}, ${extent.encodedLength} bytes stored`)
  }
  if (extent.isPartial) parts.push("partial reference")
  if (extent.isInterlaced) parts.push("interlaced")
  if (extent.isInline) parts.push("inline")
  return parts.join(", ")
}
