// SPDX-License-Identifier: MIT

const LITERALS = ["raw", "rle", "compressed", "treeless"]
const MODES = ["predefined", "rle", "fse", "repeat"]

/**
 * Names of the structures that a valid frame is made of, as far as headers tell: what fixtures are chosen
 * by and what a test expects them to cover.
 */
export function structuresOf(frame: Uint8Array): Set<string> {
  const found = new Set<string>()
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const descriptor = view.getUint8(4)
  const single = (descriptor >> 5) & 1
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag ? 1 << sizeFlag : single
  found.add(single ? "single segment" : "window descriptor")
  found.add(`content size of ${sizeBytes} bytes`)
  if (descriptor & 4) found.add("checksum")
  let at = 5 + (1 - single) + ((1 << (descriptor & 3)) >> 1) + sizeBytes
  for (let last = 0; !last; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    at += 3
    last = header & 1
    const type = (header >> 1) & 3
    const size = header >> 3
    found.add(`${["raw", "rle", "compressed", "reserved"][type]} block`)
    if (type === 2) for (const name of structuresOfBlock(frame.subarray(at, at + size))) found.add(name)
    at += type === 1 ? 1 : size
  }
  return found
}

function structuresOfBlock(block: Uint8Array): string[] {
  const byte = (index: number) => block[index] ?? 0
  const type = byte(0) & 3
  const format = (byte(0) >> 2) & 3
  const names: string[] = []
  let at: number
  if (type < 2) {
    const headerBytes = format & 1 ? (format + 3) >> 1 : 1
    const size =
      headerBytes === 1
        ? byte(0) >> 3
        : (byte(0) | (byte(1) << 8) | (headerBytes > 2 ? byte(2) << 16 : 0)) >> 4
    names.push(`${LITERALS[type]} literals, header of ${headerBytes} bytes`)
    at = headerBytes + (type ? 1 : size)
  } else {
    const headerBytes = format < 2 ? 3 : format + 2
    const bits = format < 2 ? 10 : 4 * format + 6
    let header = 0n
    for (let i = 0; i < headerBytes; i++) header |= BigInt(byte(i)) << BigInt(8 * i)
    const size = Number((header >> BigInt(4 + bits)) & ((1n << BigInt(bits)) - 1n))
    names.push(`${LITERALS[type]} literals, header of ${headerBytes} bytes, ${format ? 4 : 1} streams`)
    if (type === 2) names.push(byte(headerBytes) < 128 ? "FSE-compressed weights" : "direct weights")
    at = headerBytes + size
  }
  const first = byte(at)
  const countBytes = first < 128 ? 1 : first < 255 ? 2 : 3
  if (first === 0) return [...names, "no sequences"]
  names.push(`number of sequences in ${countBytes} bytes`)
  const modes = byte(at + countBytes)
  names.push(`literals lengths ${MODES[modes >> 6]}`)
  names.push(`offsets ${MODES[(modes >> 4) & 3]}`)
  names.push(`match lengths ${MODES[(modes >> 2) & 3]}`)
  return names
}

/** All that the fixtures together must have. */
export const STRUCTURES = [
  "single segment",
  "window descriptor",
  ...[0, 1, 2, 4, 8].map((bytes) => `content size of ${bytes} bytes`),
  "checksum",
  ...["raw", "rle", "compressed"].map((type) => `${type} block`),
  ...[1, 2, 3].map((bytes) => `raw literals, header of ${bytes} bytes`),
  ...[1, 2, 3].map((bytes) => `rle literals, header of ${bytes} bytes`),
  "compressed literals, header of 3 bytes, 1 streams",
  ...[3, 4, 5].map((bytes) => `compressed literals, header of ${bytes} bytes, 4 streams`),
  "treeless literals, header of 3 bytes, 1 streams",
  ...[3, 4].map((bytes) => `treeless literals, header of ${bytes} bytes, 4 streams`),
  "FSE-compressed weights",
  "direct weights",
  "no sequences",
  ...[1, 2, 3].map((bytes) => `number of sequences in ${bytes} bytes`),
  ...["literals lengths", "offsets", "match lengths"].flatMap((kind) =>
    MODES.map((mode) => `${kind} ${mode}`),
  ),
]
