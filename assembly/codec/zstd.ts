// SPDX-License-Identifier: MIT
/** Zstandard (RFC 8878): frames and blocks. */
import { xxh64 } from "../hash/xxh64"
import { BAD_STREAM, OK, UNSUPPORTED } from "../status"
import { wildEndOf } from "./zstdExecute"
import { decodeLiterals } from "./zstdLiterals"
import { decodeSequences } from "./zstdSequences"
import { BLOCK_MAXIMUM_SIZE, NO_TABLE, stateOf, ZstdState } from "./zstdWorkspace"

const MAGIC_NUMBER: u32 = 0xfd2fb528
const MAGIC_BYTES: u32 = 4

// Frame_Header_Descriptor:
//
//     7       6 5        4        3          2          1       0
//   ┌──────────┬────────┬────────┬──────────┬──────────┬─────────┐
//   │ size     │ single │ unused │ reserved │ checksum │ dict id │
//   └──────────┴────────┴────────┴──────────┴──────────┴─────────┘
//
// size: Frame_Content_Size_flag. single: Single_Segment_flag. dict id: Dictionary_ID_flag.
const CONTENT_SIZE_SHIFT: u32 = 6
const SINGLE_SEGMENT: u32 = 1 << 5
const RESERVED: u32 = 1 << 3
const CONTENT_CHECKSUM: u32 = 1 << 2
const DICTIONARY_ID_MASK: u32 = 3

/** A Frame_Content_Size of two bytes counts from here. */
const CONTENT_SIZE_BASE: u64 = 256

// Window_Descriptor: an exponent above a mantissa.
const MANTISSA_BITS: u32 = 3
const WINDOW_LOG_MINIMUM: u32 = 10

/** Largest window of a frame that is not a single segment: EROFS has up to 1 MiB, RFC 8878 advises this. */
const WINDOW_SIZE_MAXIMUM: u64 = 8 << 20

// Block_Header: 3 bytes.
//
//     23                          3 2      1 0
//   ┌──────────────────────────────┬────────┬──────┐
//   │ size                         │ type   │ last │
//   └──────────────────────────────┴────────┴──────┘
const BLOCK_HEADER_BYTES: u32 = 3
const LAST_BLOCK: u32 = 1
const BLOCK_TYPE_SHIFT: u32 = 1
const BLOCK_TYPE_MASK: u32 = 3
const BLOCK_SIZE_SHIFT: u32 = 3
const BLOCK_SIZE_MASK: u32 = (1 << 21) - 1
const RAW_BLOCK: u32 = 0
const RLE_BLOCK: u32 = 1
const COMPRESSED_BLOCK: u32 = 2

/** Low bytes of the content's XXH64 behind the last block. */
const CHECKSUM_BYTES: u32 = 4

/** Repeated_Offsets at the start of a frame. */
const REPEATED_OFFSET_1: u32 = 1
const REPEATED_OFFSET_2: u32 = 4
const REPEATED_OFFSET_3: u32 = 8

/** Decodes one Zstandard frame; see codec.ts for the contract. */
export function decodeZstd(
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  workspace: usize,
  partial: bool,
): i32 {
  if (sourceLength <= MAGIC_BYTES) return BAD_STREAM
  if (load<u32>(source) != MAGIC_NUMBER) return BAD_STREAM
  const descriptor: u32 = load<u8>(source, MAGIC_BYTES)
  if (descriptor & RESERVED) return BAD_STREAM
  const isSingleSegment = (descriptor & SINGLE_SEGMENT) != 0
  const dictionaryFlag = descriptor & DICTIONARY_ID_MASK
  const sizeFlag = descriptor >> CONTENT_SIZE_SHIFT
  const windowBytes: u32 = isSingleSegment ? 0 : 1
  const dictionaryBytes: u32 = (1 << dictionaryFlag) >> 1
  const sizeBytes: u32 = sizeFlag ? 1 << sizeFlag : 1 - windowBytes
  let at = source + MAGIC_BYTES + 1
  const end = source + sourceLength
  if (windowBytes + dictionaryBytes + sizeBytes > <u32>(end - at)) return BAD_STREAM

  // The window of a single segment is its content, which limits the output anyway; like the reference,
  // accept compressed blocks that are longer than what they stand for.
  let windowSize: u64 = BLOCK_MAXIMUM_SIZE
  if (!isSingleSegment) {
    const window: u32 = load<u8>(at++)
    const base: u64 = (<u64>1) << (WINDOW_LOG_MINIMUM + (window >> MANTISSA_BITS))
    windowSize = base + (base >> MANTISSA_BITS) * (window & ((1 << MANTISSA_BITS) - 1))
    if (windowSize > WINDOW_SIZE_MAXIMUM) return UNSUPPORTED
  }
  if (loadBytes(at, dictionaryBytes)) return UNSUPPORTED
  at += dictionaryBytes
  if (sizeBytes) {
    let contentSize = loadBytes(at, sizeBytes)
    if (sizeBytes == 2) contentSize += CONTENT_SIZE_BASE
    at += sizeBytes
    if (contentSize < targetLength) return BAD_STREAM
    if (contentSize > targetLength) {
      if (!partial) return BAD_STREAM
    }
  }

  const state = stateOf(workspace)
  state.output = target
  state.target = target
  state.targetEnd = target + targetLength
  state.wildEnd = wildEndOf(target, targetLength, slack, partial)
  state.hasHuffmanTable = 0
  state.literalsLengthLog = NO_TABLE
  state.offsetLog = NO_TABLE
  state.matchLengthLog = NO_TABLE
  state.repeatedOffset1 = REPEATED_OFFSET_1
  state.repeatedOffset2 = REPEATED_OFFSET_2
  state.repeatedOffset3 = REPEATED_OFFSET_3
  state.partial = partial
  state.blockMaximum = <u32>min<u64>(windowSize, BLOCK_MAXIMUM_SIZE)

  for (;;) {
    if (partial) {
      if (state.output == state.targetEnd) return OK
    }
    if (<u32>(end - at) < BLOCK_HEADER_BYTES) return BAD_STREAM
    const header: u32 = load<u16>(at) | ((<u32>load<u8>(at, 2)) << 16)
    at += BLOCK_HEADER_BYTES
    const type = (header >> BLOCK_TYPE_SHIFT) & BLOCK_TYPE_MASK
    const size = (header >> BLOCK_SIZE_SHIFT) & BLOCK_SIZE_MASK
    if (size > state.blockMaximum) return BAD_STREAM
    const bytes: u32 = type == RLE_BLOCK ? 1 : size
    if (bytes > <u32>(end - at)) return BAD_STREAM
    if (decodeBlock(at, type, size, state, workspace) != OK) return BAD_STREAM
    at += bytes
    if (header & LAST_BLOCK) break
  }

  if (state.output != state.targetEnd) return BAD_STREAM
  if (partial) return OK
  if (descriptor & CONTENT_CHECKSUM) {
    if (<u32>(end - at) != CHECKSUM_BYTES) return BAD_STREAM
    return load<u32>(at) == <u32>xxh64(target, targetLength, 0) ? OK : BAD_STREAM
  }
  return at == end ? OK : BAD_STREAM
}

/** The little-endian number of `bytes` bytes: 0, 1, 2, 4 or 8. */
function loadBytes(source: usize, bytes: u32): u64 {
  if (bytes == 0) return 0
  if (bytes == 1) return load<u8>(source)
  if (bytes == 2) return load<u16>(source)
  if (bytes == 4) return load<u32>(source)
  return load<u64>(source)
}

/** Decodes one block, whose content is wholly in the source, behind the output so far. */
function decodeBlock(source: usize, type: u32, size: u32, state: ZstdState, workspace: usize): i32 {
  const output = state.output
  if (type == COMPRESSED_BLOCK) {
    const literalsBytes = decodeLiterals(source, size, workspace)
    if (literalsBytes < 0) return BAD_STREAM
    if (decodeSequences(source + literalsBytes, size - literalsBytes, workspace) != OK) return BAD_STREAM
    return <u32>(state.output - output) > state.blockMaximum ? BAD_STREAM : OK
  }
  if (type > COMPRESSED_BLOCK) return BAD_STREAM
  let length = size
  const room = <u32>(state.targetEnd - output)
  if (length > room) {
    if (!state.partial) return BAD_STREAM
    length = room
  }
  if (type == RAW_BLOCK) memory.copy(output, source, length)
  else memory.fill(output, load<u8>(source), length)
  state.output = output + length
  return OK
}
