// SPDX-License-Identifier: MIT
/**
 * Comparing pages with what was verified before they may be published. Whoever verified a file, hashing it from front to
 * back, kept the state of SHA-256 at the beginning of every page. A page is the one that was hashed exactly if it leads
 * from its own state to that of the next page: another one that did would be a collision.
 */
import { PAGE_BITS, PAGE_SIZE } from "../bits"
import { BLOCK_BYTES, STATE_BYTES, sha256Blocks } from "../hash/sha256"
import { EXCHANGE_OFFSET, EXCHANGE_SIZE } from "../layout"
import { FORGED_OFFSET, RUN_LIMIT, Slot } from "../slot"
import { OK, PAGE_FORGED } from "../status"
import { addressInRun } from "./run"

/** Where the state is worked on: the end of the exchange area, behind all that can be in it. */
const SCRATCH_OFFSET: u32 = EXCHANGE_OFFSET + EXCHANGE_SIZE - (STATE_BYTES as u32)

/**
 * Compares the pages from `first` to before `end`, all in the run. The states of the run's pages, and one more, lie at the
 * beginning of the worker's exchange area. Answers PAGE_FORGED if the page asked for is not the verified one.
 */
export function verifyPages(slot: Slot, first: u64, end: u64): i32 {
  memory.fill(changetype<usize>(slot) + FORGED_OFFSET, 0, RUN_LIMIT >> 3)
  const scratch = (slot.worker as usize) + SCRATCH_OFFSET
  let answer: i32 = OK
  for (let page = first; page < end; page++) {
    const index = (page - slot.runPage) as u32
    const state = (slot.worker as usize) + EXCHANGE_OFFSET + (index as usize) * STATE_BYTES
    memory.copy(scratch, state, STATE_BYTES)
    sha256Blocks(scratch, addressInRun(slot, page << PAGE_BITS), PAGE_SIZE / (BLOCK_BYTES as u32))
    if (memory.compare(scratch, state + STATE_BYTES, STATE_BYTES) == 0) continue
    markForged(slot, index)
    if (page == slot.page) answer = PAGE_FORGED
  }
  return answer
}

function markForged(slot: Slot, index: u32): void {
  const at = changetype<usize>(slot) + FORGED_OFFSET + (index >> 3)
  store<u8>(at, ((load<u8>(at) as u32) | ((1 as u32) << (index & 7))) as u8)
}

/** Whether verifyPages() found a page of the run forged. */
export function isForged(slot: Slot, index: u32): bool {
  const at = changetype<usize>(slot) + FORGED_OFFSET + (index >> 3)
  return bool(((load<u8>(at) as u32) >> (index & 7)) & 1)
}
