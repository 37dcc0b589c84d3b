// SPDX-License-Identifier: MIT
/** The core's whole face: exported functions only. */
export { decodeDeflate } from "./codec/deflate"
export { decodeLz4 } from "./codec/lz4"
export { decodeLzma } from "./codec/lzma"
export { decodeZstd } from "./codec/zstd"
