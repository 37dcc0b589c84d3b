// SPDX-License-Identifier: MIT
/**
 * Result codes of the core. The core has no strings: `src/status.ts` holds the same numbers and
 * `src/errors.ts` turns them into words; one test compares the two files.
 */

/** Done. */
export const OK: i32 = 0
/** A compressed stream is damaged, ends early, or decodes to another length than it must. */
export const BAD_STREAM: i32 = 1
/** Well formed, but a variant that the decoder does not know. */
export const UNSUPPORTED: i32 = 2
