// SPDX-License-Identifier: MIT
import { compatNames, incompatNames } from "../format/features.js"
import { type Nid, nidToBigInt } from "../format/nid.js"
import type { Image } from "../image.js"
import { type Arguments, type Call, type Command, JSON_OPTION } from "./arguments.js"
import { DONE } from "./exit.js"
import { timeText } from "./facts.js"
import { withImage } from "./mounted.js"
import { type Json, toJson } from "./print.js"

const NANOSECONDS = 1_000_000_000n

/** `info`: what the superblock and what belongs to it say. */
export const info: Command = {
  name: "info",
  summary: "Prints what the superblock says: features, sizes, codecs, devices.",
  usage: "IMAGE",
  options: [JSON_OPTION],
  words: { min: 1, max: 1 },
  async run({ args, out }: Call): Promise<number> {
    const facts = await withImage(args, async (image) => factsOf(image, args))
    if (args.has("json")) out.line(toJson(facts, 2))
    else for (const line of linesOf(facts)) out.line(line)
    return DONE
  },
}

type Facts = ReturnType<typeof factsOf>

/** Everything that is known, under keys that stay. */
function factsOf({ superblock, devices, compression }: Image, args: Arguments) {
  const given = args.texts("device")
  const nid = (value: Nid | undefined): bigint | null =>
    value === undefined || value === 0 ? null : nidToBigInt(value)
  return {
    image: args.words[0] as string,
    offset: args.bytes("offset") ?? 0,
    volumeName: superblock.volumeName,
    uuid: superblock.uuid,
    blockSize: superblock.blockSize,
    blocks: superblock.blocks,
    bytes: BigInt(superblock.blocks) * BigInt(superblock.blockSize),
    inodes: superblock.inodes,
    rootNid: nidToBigInt(superblock.rootNid),
    made: superblock.mkfsTime,
    epoch: superblock.epoch,
    fixedNanoseconds: superblock.fixedNanoseconds,
    checksum: superblock.hasChecksum ? `0x${superblock.checksum.toString(16).padStart(8, "0")}` : null,
    superblockSize: superblock.size,
    compat: compatNames(superblock.compat),
    compatBits: superblock.compat,
    incompat: incompatNames(superblock.incompat),
    incompatBits: superblock.incompat,
    metaBlock: superblock.metaBlock,
    xattrBlock: superblock.xattrBlock,
    xattrPrefixes: superblock.prefixCount,
    fingerprintPrefix: superblock.fingerprintPrefix ?? null,
    is48Bit: superblock.is48Bit,
    packedNid: superblock.hasFragments ? nid(superblock.packedNid) : null,
    metaboxNid: nid(superblock.metaboxNid),
    codecs: codecsOf({ superblock, compression }),
    devices: devices.map(({ tag, size, unifiedOffset }, i) => ({
      id: i + 1,
      tag,
      size,
      unifiedOffset,
      file: given[i] ?? null,
    })),
  }
}

/** Codecs that files may use, with their settings; images without records for them can only use LZ4. */
function codecsOf({ superblock, compression }: Pick<Image, "superblock" | "compression">): {
  algorithm: string
  [setting: string]: Json
}[] {
  if (superblock.hasCompressionConfigs) return compression.map((config) => ({ ...config }))
  if (superblock.algorithms === 0) return []
  return [{ algorithm: "lz4", maxDistance: superblock.lz4MaxDistance, maxPclusterBlocks: 1 }]
}

const LABEL_WIDTH = 18

function linesOf(facts: Facts): string[] {
  const line = (label: string, value: Json): string => `${`${label}:`.padEnd(LABEL_WIDTH)}${String(value)}`
  const lines = [
    line("Volume name", facts.volumeName || "none"),
    line("UUID", facts.uuid),
    line("Made", timeText(facts.made * NANOSECONDS + BigInt(facts.fixedNanoseconds), true)),
    line("Block size", facts.blockSize),
    line("Blocks", `${facts.blocks} (${facts.bytes} bytes)`),
    line("Inodes", facts.inodes),
    line("Root nid", facts.rootNid),
    line("Checksum", facts.checksum ?? "none"),
    line("Superblock", `${facts.superblockSize} bytes`),
    line("Compatible", bitsText(facts.compat, facts.compatBits)),
    line("Incompatible", bitsText(facts.incompat, facts.incompatBits)),
    line("Metadata block", facts.metaBlock),
    line("Xattr block", facts.xattrBlock),
    line("Xattr prefixes", facts.xattrPrefixes),
    line(
      "Fingerprints",
      facts.fingerprintPrefix === null ? "not named" : `prefix ${facts.fingerprintPrefix}`,
    ),
    line("Addresses", facts.is48Bit ? "48 bits" : "32 bits"),
    line("Packed nid", facts.packedNid ?? "none"),
    line("Metabox nid", facts.metaboxNid ?? "none"),
  ]
  for (const { algorithm, ...settings } of facts.codecs) {
    const text = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
    lines.push(line("Codec", [algorithm, ...text].join(", ")))
  }
  for (const { id, tag, size, unifiedOffset, file } of facts.devices) {
    const place = unifiedOffset > 0 ? `, mapped at ${unifiedOffset}` : ""
    lines.push(
      line(`Device ${id}`, `${tag || "without a tag"}, ${size} bytes${place}, ${file ?? "not given"}`),
    )
  }
  return lines
}

function bitsText(names: readonly string[], bits: number): string {
  return `${names.join(" ") || "none"} (0x${bits.toString(16)})`
}
