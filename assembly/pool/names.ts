// SPDX-License-Identifier: MIT
/**
 * Names of pages, in one word, so that a reader without the lock sees all of one or all of another:
 *
 *   63             42 41                                      0
 *   +-----------------+----------------------------------------+
 *   |  address space  |                  page                  |   0 = no page
 *   +-----------------+----------------------------------------+
 *
 * Files have at most 2^53 - 1 bytes, so page numbers have 41 bits.
 */
import { SPACE_NUMBER_BITS } from "../layout"

const PAGE_NUMBER_BITS: u64 = 64 - SPACE_NUMBER_BITS
const PAGE_NUMBER_MASK: u64 = ((1 as u64) << PAGE_NUMBER_BITS) - 1

/** The name of a page. Names of pages that follow each other do, too. */
export function nameOf(space: u32, page: u64): u64 {
  if (CHECKED) assert(page <= PAGE_NUMBER_MASK)
  return ((space as u64) << PAGE_NUMBER_BITS) | page
}

/** The address space of the page that has the name; 0 = no page has it. */
export function spaceOf(name: u64): u32 {
  return (name >> PAGE_NUMBER_BITS) as u32
}

/** The number of the page that has the name. */
export function pageOf(name: u64): u64 {
  return name & PAGE_NUMBER_MASK
}
