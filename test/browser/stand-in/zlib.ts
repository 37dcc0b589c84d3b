// SPDX-License-Identifier: MIT
/** What tests use of `node:zlib`. */
import { Buffer } from "buffer"
import * as fflate from "fflate"

/** The test server says of files in gzip that they are encoded so, and the browser has unpacked them already. */
export function gunzipSync(bytes: Uint8Array): Buffer {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
  return Buffer.from(isPacked ? fflate.gunzipSync(bytes) : bytes)
}
