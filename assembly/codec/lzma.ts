// SPDX-License-Identifier: MIT
import { UNSUPPORTED } from "../status"

/** Decodes one MicroLZMA stream; see codec.ts for the contract. */
export function decodeLzma(
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  workspace: usize,
  partial: bool,
): i32 {
  return UNSUPPORTED
}
