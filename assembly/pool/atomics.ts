// SPDX-License-Identifier: MIT
/**
 * The atomic operations of the pool. In the build for plain memory there is one instance only, and they are
 * ordinary loads and stores.
 */
import { FILL_EPOCH } from "../layout"

/** Reads a word that other instances may change. */
export function loadShared(address: usize): u32 {
  if (SHARED) return atomic.load<u32>(address)
  return load<u32>(address)
}

/** Writes a word that other instances may read. */
export function storeShared(address: usize, value: u32): void {
  if (SHARED) atomic.store<u32>(address, value)
  else store<u32>(address, value)
}

/** Reads and writes a word of 64 bits that other instances may change and read. */
export function loadShared64(address: usize): u64 {
  if (SHARED) return atomic.load<u64>(address)
  return load<u64>(address)
}
export function storeShared64(address: usize, value: u64): void {
  if (SHARED) atomic.store<u64>(address, value)
  else store<u64>(address, value)
}

/** Replaces `expected` by `value` and says whether it was there. */
export function exchangeShared(address: usize, expected: u32, value: u32): bool {
  if (SHARED) return atomic.cmpxchg<u32>(address, expected, value) == expected
  if (load<u32>(address) != expected) return false
  store<u32>(address, value)
  return true
}

/** Adds to a word and answers what it was before. */
export function addShared(address: usize, value: u32): u32 {
  if (SHARED) return atomic.add<u32>(address, value)
  const before = load<u32>(address)
  store<u32>(address, before + value)
  return before
}

/** Counts a finished fill and wakes whoever waits for one. */
export function announceFill(): void {
  addShared(FILL_EPOCH, 1)
  if (SHARED) atomic.notify(FILL_EPOCH, -1)
}
