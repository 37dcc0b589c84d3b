// SPDX-License-Identifier: MIT
/** What there is to know about an inode, and about an image. */
import { type BigIntStats, compatNames, type InodeDescription, incompatNames } from "erofs-wasm"
import { h } from "./dom.js"
import type { OpenImage } from "./session.js"
import {
  counted,
  countText,
  hex,
  modeText,
  nameText,
  octalText,
  sizeText,
  timeText,
  typeOf,
  typeText,
} from "./words.js"

/** Bytes of a SHA-256 digest. */
const DIGEST_SIZE = 32

/** Names and what they are; undefined ones are left out. */
type Facts = [name: string, value: string | Node | undefined][]

/** Facts as a table of two columns. */
function factList(title: string, facts: Facts): HTMLElement {
  const list = h("dl", { class: "facts" })
  for (const [name, value] of facts) {
    if (value !== undefined && value !== "") list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)))
  }
  return h("section", {}, h("h3", {}, title), list)
}

/** What an inode says and how it is stored. */
export function inodeFacts(
  stats: BigIntStats,
  stored: InodeDescription,
  target: string | undefined,
): HTMLElement {
  const type = typeOf(stats)
  const isDevice = type === "char" || type === "block"
  return h(
    "div",
    { class: "facts-columns" },
    factList("Inode", [
      ["Type", typeText(type)],
      ["Target", target === undefined ? undefined : nameText(target)],
      ["Size", `${sizeText(stats.size)} (${countText(stats.size)} bytes)`],
      ["Mode", `${modeText(stats)} (${octalText(stats)})`],
      ["Owner", `${stats.uid} : ${stats.gid}`],
      ["Links", countText(stats.nlink)],
      ["Modified", `${timeText(stats.mtimeNs, true)} UTC`],
      ["Device", isDevice ? deviceText(stats.rdev) : undefined],
    ]),
    factList("Stored as", [
      ["Layout", stored.layout],
      ["Codec", stored.algorithms.filter((name, at, all) => all.indexOf(name) === at).join(", ")],
      ["Index", stored.index],
      ["Cluster", stored.lclusterSize === undefined ? undefined : sizeText(stored.lclusterSize)],
      ["In the image", storedText(stats)],
      [
        "Inode",
        `nid ${stored.nid}, ${stored.isExtended ? "extended" : "compact"}, at byte ${countText(stored.position)}`,
      ],
      ["Attributes", stored.xattrSize === 0 ? "none" : sizeText(stored.xattrSize)],
      ["Fingerprint", stored.fingerprint && h("code", {}, valueText(stored.fingerprint))],
    ]),
  )
}

/** What a superblock says. */
export function imageFacts({ image, origin }: OpenImage): HTMLElement {
  const { superblock } = image
  const features = [...incompatNames(superblock.incompat), ...compatNames(superblock.compat)]
  const codecs = image.compression.map((config) => config.algorithm).join(", ")
  return h(
    "div",
    { class: "facts-columns" },
    factList("Image", [
      ["From", "file" in origin ? "a file of yours" : origin.url.href],
      ["Volume", nameText(superblock.volumeName)],
      ["UUID", h("code", {}, superblock.uuid)],
      ["Made", `${timeText(superblock.mkfsTime * 1_000_000_000n)} UTC`],
      ["Size", sizeText(superblock.blocks * superblock.blockSize)],
      ["Inodes", countText(superblock.inodes)],
    ]),
    factList("Superblock", [
      ["Blocks", `${countText(superblock.blocks)} of ${sizeText(superblock.blockSize)}`],
      ["Checksum", superblock.hasChecksum ? `0x${hex(superblock.checksum, 8)}, verified` : "none"],
      ["Codecs", codecs || (superblock.algorithms & 1 ? "lz4" : "none")],
      [
        "Further devices",
        superblock.extraDevices === 0 ? "none" : counted(superblock.extraDevices, "device"),
      ],
      ["Features", features.join(", ") || "none"],
    ]),
  )
}

/** A value of an attribute: text if it is; `sha256:` and a digest in hexadecimal, as mkfs.erofs writes it; else bytes. */
export function valueText(value: Uint8Array): string {
  const text = textOf(value.at(-1) === 0 ? value.subarray(0, -1) : value)
  if (text !== undefined) return nameText(text)
  const digits = Array.from(value, (byte) => hex(byte, 2))
  const head = textOf(value.subarray(0, value.indexOf(0x3a) + 1)) ?? ""
  const isDigest = /^[a-z0-9]+:$/.test(head) && value.length - head.length === DIGEST_SIZE
  return isDigest ? head + digits.slice(head.length).join("") : digits.join(" ")
}

/** The bytes as text, if they are UTF-8 without control characters but white space. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return /(?![\t\n\r])\p{Cc}/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

function storedText(stats: BigIntStats): string | undefined {
  return stats.isFile() || stats.isDirectory() ? `${sizeText(stats.blocks * 512n)}` : undefined
}

/** Major and minor number, from the encoding of Linux' `st_rdev`. */
function deviceText(rdev: bigint): string {
  const major = (rdev >> 8n) & 0xfffn
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)
  return `${major}, ${minor}`
}
