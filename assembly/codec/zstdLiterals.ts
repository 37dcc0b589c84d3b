// SPDX-License-Identifier: MIT
/** The literals section of a compressed block. */
import { readHuffmanTree } from "./zstdHuffman"
import { decodeStream, decodeStreams } from "./zstdStreams"
import { BLOCK_MAXIMUM_SIZE, LITERALS, stateOf } from "./zstdWorkspace"

/** Literals_Block_Type; 1 is RLE_Literals_Block, 3 is Treeless_Literals_Block. */
const RAW: u32 = 0
const COMPRESSED: u32 = 2

/** Bits of Literals_Block_Type and of Size_Format. */
const TYPE_BITS: u32 = 2
const FORMAT_BITS: u32 = 2

/** The jump table in front of four streams: the sizes of the first three. */
const STREAMS: u32 = 4
const JUMP_BYTES: u32 = 6

/** Least Regenerated_Size of four streams. */
const REGENERATED_MINIMUM: u32 = 6

/**
 * Decodes the literals section at the start of `available` bytes and leaves where the literals lie in
 * the state. Returns the bytes of the section, or -1 if it is damaged.
 */
export function decodeLiterals(source: usize, available: u32, workspace: usize): i32 {
  if (available == 0) return -1
  const header: u32 = load<u8>(source)
  const type = header & ((1 << TYPE_BITS) - 1)
  const format = (header >> TYPE_BITS) & ((1 << FORMAT_BITS) - 1)
  if (type >= COMPRESSED) return decodeCompressed(source, available, type, format, workspace)

  // Size_Format 0 and 2 have one bit, 1 and 3 two.
  const state = stateOf(workspace)
  let headerBytes: u32
  let size: u32
  if ((format & 1) == 0) {
    headerBytes = 1
    size = header >> (TYPE_BITS + 1)
  } else {
    headerBytes = format == 1 ? 2 : 3
    if (available < headerBytes) return -1
    size = load<u16>(source)
    if (format == 3) size |= (<u32>load<u8>(source, 2)) << 16
    size >>= TYPE_BITS + FORMAT_BITS
  }
  if (size > BLOCK_MAXIMUM_SIZE) return -1
  if (type == RAW) {
    if (size > available - headerBytes) return -1
    state.literals = source + headerBytes
    state.literalsEnd = state.literals + size
    return headerBytes + size
  }
  if (headerBytes >= available) return -1
  state.literals = workspace + LITERALS
  state.literalsEnd = state.literals + size
  memory.fill(workspace + LITERALS, load<u8>(source + headerBytes), size)
  return headerBytes + 1
}

/** The same for Compressed_Literals_Block and Treeless_Literals_Block. */
function decodeCompressed(source: usize, available: u32, type: u32, format: u32, workspace: usize): i32 {
  // Size_Format 0 and 1: 3 bytes with sizes of 10 bits; 2: 4 bytes, 14 bits; 3: 5 bytes, 18 bits.
  const headerBytes: u32 = format < 2 ? 3 : format + 2
  const sizeBits: u64 = format < 2 ? 10 : (format << 2) + 6
  if (available < headerBytes) return -1
  const fields = load<u64>(source) >> <u64>(TYPE_BITS + FORMAT_BITS)
  const mask: u32 = (1 << (<u32>sizeBits)) - 1
  const size = <u32>fields & mask
  const compressed = <u32>(fields >> sizeBits) & mask
  if (size > BLOCK_MAXIMUM_SIZE) return -1
  if (compressed > available - headerBytes) return -1

  const state = stateOf(workspace)
  let start = source + headerBytes
  let left = compressed
  if (type == COMPRESSED) {
    if (!readHuffmanTree(start, left, workspace)) return -1
    start += state.tableBytes
    left -= state.tableBytes
  } else if (!state.hasHuffmanTable) {
    return -1
  }

  const output = workspace + LITERALS
  state.literals = output
  state.literalsEnd = output + size
  if (format == 0) {
    if (left == 0) return -1
    if (!decodeStream(start, left, output, size, workspace)) return -1
  } else {
    if (size < REGENERATED_MINIMUM) return -1
    if (left < JUMP_BYTES + STREAMS) return -1
    const first: u32 = load<u16>(start)
    const second: u32 = load<u16>(start, 2)
    const third: u32 = load<u16>(start, 4)
    left -= JUMP_BYTES
    if (first + second + third >= left) return -1
    if (first == 0 || second == 0 || third == 0) return -1
    if (!decodeStreams(start + JUMP_BYTES, first, second, third, left, output, size, workspace)) return -1
  }
  return headerBytes + compressed
}
