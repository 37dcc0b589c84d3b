// SPDX-License-Identifier: MIT

/** Frames written by hand: of raw and RLE blocks, and of blocks that no encoder makes. */

export const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]

/** A block with its header. */
export function block(type: number, size: number, content: Uint8Array | number[], isLast = false): number[] {
  const header = (size << 3) | (type << 1) | (isLast ? 1 : 0)
  return [header & 255, (header >> 8) & 255, (header >> 16) & 255, ...content]
}

export const rawBlock = (content: Uint8Array | number[], isLast = false): number[] =>
  block(0, content.length, content, isLast)
export const rleBlock = (value: number, size: number, isLast = false): number[] =>
  block(1, size, [value], isLast)
export const compressedBlock = (content: number[], isLast = false): number[] =>
  block(2, content.length, content, isLast)

/** A frame with a window descriptor (default: 128 KiB) and no content size. */
export function frame(blocks: number[][], window = 7 << 3): Uint8Array {
  return Uint8Array.from([...MAGIC, 0, window, ...blocks.flat()])
}

/** A single-segment frame that states its content size in four bytes. */
export function singleSegment(contentSize: number, blocks: number[][]): Uint8Array {
  const size = [0, 8, 16, 24].map((shift) => (contentSize >>> shift) & 255)
  return Uint8Array.from([...MAGIC, 0xa0, ...size, ...blocks.flat()])
}

/** A literals section of one repeated byte, its size in a header of 1 to 3 bytes. */
export function rleLiterals(value: number, size: number, headerBytes: number): number[] {
  if (headerBytes === 1) return [(size << 3) | 1, value]
  const header = (size << 4) | (headerBytes === 2 ? 4 : 12) | 1
  return [header & 255, (header >> 8) & 255, (header >> 16) & 255].slice(0, headerBytes).concat(value)
}

/**
 * A sequences section of one code of each kind: `values` are the additional bits of each sequence as
 * pairs of a value and a number of bits, in the order in which a decoder reads them.
 */
export function rleSequences(
  codes: { literalsLength: number; offset: number; matchLength: number },
  values: [value: number, bits: number][][],
): number[] {
  const count = values.length
  const number =
    count < 128
      ? [count]
      : count < 0x7f00
        ? [(count >> 8) + 128, count & 255]
        : [255, (count - 0x7f00) & 255, (count - 0x7f00) >> 8]
  const bits: number[] = []
  for (const [value, width] of values.flat().reverse()) {
    for (let i = 0; i < width; i++) bits.push((value >> i) & 1)
  }
  bits.push(1)
  const bytes: number[] = new Array(Math.ceil(bits.length / 8)).fill(0)
  bits.forEach((bit, index) => {
    bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (bit << (index & 7))
  })
  return [...number, 0b01010100, codes.literalsLength, codes.offset, codes.matchLength, ...bytes]
}
