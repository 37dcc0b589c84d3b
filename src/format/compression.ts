// SPDX-License-Identifier: MIT
import { corrupted, unsupported } from "../errors.js"
import { readU16, readU32 } from "./bytes.js"
import { ALGORITHM_NAMES } from "./features.js"
import type { Superblock } from "./superblock.js"

/** Limits that an image promises to keep, by algorithm (format section 2.5). */
export interface CompressionConfig {
  lz4: {
    /** Bytes that a match reaches back at most. */
    maxDistance: number
    /** Blocks of a pcluster at most. */
    maxPclusterBlocks: number
  }
  lzma: {
    /** Bytes. */
    dictionarySize: number
  }
  deflate: {
    /** log2 of the window in bytes. */
    windowBits: number
  }
  zstd: {
    /** log2 of the window in bytes. */
    windowLog: number
  }
}

/** One parsed configuration record, told apart by `algorithm`. */
export type AlgorithmConfig = {
  [Name in keyof CompressionConfig]: { algorithm: Name } & CompressionConfig[Name]
}[keyof CompressionConfig]

/** Length of the payload as mkfs writes it; longer ones are future extensions. Index: algorithm id. */
const PAYLOAD_SIZES = [14, 14, 6, 6]

const MAX_PCLUSTER_SIZE = 1 << 20
const MIN_LZMA_DICTIONARY = 4096
const MAX_LZMA_DICTIONARY = 8 << 20
const MIN_WINDOW_LOG = 10
const MAX_WINDOW_LOG = 20

/**
 * The payload of one compression configuration record, without its u16 length (format section 2.5).
 *
 * Throws EUCLEAN for short payloads and values out of range, ENOTSUP for an algorithm or a format of its
 * record that is not known.
 */
export function parseCompressionConfig(
  algorithm: number,
  payload: Uint8Array,
  superblock: Pick<Superblock, "blockSize">,
): AlgorithmConfig {
  const name = ALGORITHM_NAMES[algorithm]
  if (name === undefined) throw unsupported(`compression algorithm ${algorithm}`)
  if (payload.length < (PAYLOAD_SIZES[algorithm] as number)) {
    throw corrupted(`${name} configuration of ${payload.length} bytes is too short`)
  }
  switch (name) {
    case "lz4":
      return parseLz4(payload, superblock.blockSize)
    case "lzma":
      return parseLzma(payload)
    case "deflate":
      return parseDeflate(payload)
    case "zstd":
      return parseZstd(payload)
  }
}

function parseLz4(payload: Uint8Array, blockSize: number): AlgorithmConfig {
  const maxPclusterBlocks = readU16(payload, 2) || 1
  if (maxPclusterBlocks * blockSize > MAX_PCLUSTER_SIZE) {
    throw corrupted(`lz4 pclusters of ${maxPclusterBlocks} blocks are too big`)
  }
  return { algorithm: "lz4", maxDistance: readU16(payload, 0) || 0xffff, maxPclusterBlocks }
}

function parseLzma(payload: Uint8Array): AlgorithmConfig {
  const dictionarySize = readU32(payload, 0)
  const format = readU16(payload, 4)
  if (format !== 0) throw unsupported(`lzma configuration format ${format}`)
  if (dictionarySize < MIN_LZMA_DICTIONARY || dictionarySize > MAX_LZMA_DICTIONARY) {
    throw corrupted(`lzma dictionary of ${dictionarySize} bytes is out of range`)
  }
  return { algorithm: "lzma", dictionarySize }
}

function parseDeflate(payload: Uint8Array): AlgorithmConfig {
  const windowBits = payload[0] || 15
  if (windowBits < 8 || windowBits > 15)
    throw corrupted(`deflate window of ${windowBits} bits is out of range`)
  return { algorithm: "deflate", windowBits }
}

function parseZstd(payload: Uint8Array): AlgorithmConfig {
  const format = payload[0] as number
  const windowLog = (payload[1] as number) + MIN_WINDOW_LOG
  if (format !== 0) throw unsupported(`zstd configuration format ${format}`)
  if (windowLog > MAX_WINDOW_LOG) throw corrupted(`zstd window of ${windowLog} bits is out of range`)
  return { algorithm: "zstd", windowLog }
}
