// SPDX-License-Identifier: MIT
/**
 * What every decoder promises. One signature for all four:
 *
 *   decodeX(source, sourceLength, target, targetLength, slack, workspace, partial): status
 *
 * - `source` .. `source + sourceLength` is one whole stream as it lies in the pcluster, padding in
 *   front already skipped. Every byte of it may lie.
 * - `target` .. `target + targetLength` is what must be filled. The `slack` bytes behind it may be
 *   overwritten with anything (0 = none); nothing else outside the target is ever written.
 * - Memory from `source - 64` to `source + sourceLength + targetLength + 64` can be read without a
 *   trap (the memory map guarantees it), but bytes outside the source never decide the result. The same
 *   holds for the 64 bytes behind the target, which copies of short periods look at.
 * - `workspace` is CODEC_WORKSPACE_BYTES long, aligned to 64 bytes, its contents undefined on entry.
 *   All state is there or in locals: no globals, no allocation.
 * - `partial` false: the stream must decode to exactly `targetLength` bytes and end exactly at the
 *   end of the source, else BAD_STREAM. `partial` true: stop as soon as `targetLength` bytes are out;
 *   the rest of the source is not looked at; a stream that ends earlier is BAD_STREAM.
 * - Returns OK, BAD_STREAM, or UNSUPPORTED (a valid stream of a kind EROFS does not use, such as a
 *   Zstandard frame with a dictionary). On anything but OK the target's contents are undefined.
 * - Time is bounded by a constant times (sourceLength + targetLength), plus the cost of building tables.
 */

/** Bytes of scratch memory each decoder may use, per worker. */
export const CODEC_WORKSPACE_BYTES: u32 = 512 << 10
