// SPDX-License-Identifier: MIT
/** Algorithm number to decoder. */
import { UNSUPPORTED } from "../status"
import { decodeDeflate } from "./deflate"
import { decodeLz4 } from "./lz4"
import { decodeLzma } from "./lzma"
import { decodeZstd } from "./zstd"

export const ALGORITHM_LZ4: u32 = 0
export const ALGORITHM_LZMA: u32 = 1
export const ALGORITHM_DEFLATE: u32 = 2
export const ALGORITHM_ZSTD: u32 = 3

/** Decodes with an algorithm of the superblock's numbering; see codec.ts for the contract. */
export function decode(
  algorithm: u32,
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  workspace: usize,
  partial: bool,
): i32 {
  if (algorithm == ALGORITHM_LZ4) {
    return decodeLz4(source, sourceLength, target, targetLength, slack, workspace, partial)
  }
  if (algorithm == ALGORITHM_ZSTD) {
    return decodeZstd(source, sourceLength, target, targetLength, slack, workspace, partial)
  }
  if (algorithm == ALGORITHM_DEFLATE) {
    return decodeDeflate(source, sourceLength, target, targetLength, slack, workspace, partial)
  }
  if (algorithm == ALGORITHM_LZMA) {
    return decodeLzma(source, sourceLength, target, targetLength, slack, workspace, partial)
  }
  return UNSUPPORTED
}
