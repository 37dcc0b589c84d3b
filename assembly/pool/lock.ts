// SPDX-License-Identifier: MIT
/**
 * The pool's one short lock: its word is the place of the worker that holds it, + 1; 0 = free. Held for microseconds,
 * never across I/O, so whoever waits spins. In the build for plain memory there is one instance only, and the lock
 * vanishes.
 *
 * No instruction of the core puts a thread to sleep: the quick code of some versions of V8 (Node 20) loses locals over
 * memory.atomic.wait32.
 *
 * A worker can be terminated at any moment, also while it holds the lock. Whoever waits longer than any holder could
 * take lets it count as gone, takes the lock from it and puts the pool in order (repair.ts).
 */
import { guarded, LOCK, LOCK_SERIAL, WorkerRecord } from "../layout"
import { repairPool } from "./repair"

/** Looks at the lock, under one and the same holding, until the holder counts as gone: some seconds. */
const PATIENCE: u32 = 1 << 31

/** Takes the lock. `worker` is the caller's region. */
export function lock(worker: usize): void {
  if (SHARED) {
    if (atomic.cmpxchg<u32>(LOCK, 0, ownerOf(worker)) != 0) waitForLock(worker)
    store<u32>(LOCK_SERIAL, load<u32>(LOCK_SERIAL) + 1)
  }
}

/** Gives the lock back. Only valid while holding it: traps for a worker that was believed to be gone. */
export function unlock(worker: usize): void {
  if (SHARED) {
    if (atomic.cmpxchg<u32>(LOCK, ownerOf(worker), 0) != ownerOf(worker)) unreachable()
  }
}

/** Takes the lock from a place if its worker, which has ended, held it, and puts the pool in order. */
export function breakLock(worker: usize, place: u32): void {
  if (!SHARED) return
  const owner = ownerOf(worker)
  if (atomic.cmpxchg<u32>(LOCK, place + 1, owner) != place + 1) return
  store<u32>(LOCK_SERIAL, load<u32>(LOCK_SERIAL) + 1)
  repairPool()
  guarded().repairs += 1
  unlock(worker)
}

/** How a worker is named in the lock's word. */
function ownerOf(worker: usize): u32 {
  return changetype<WorkerRecord>(worker).place + 1
}

/** Waits for the lock and takes it. */
function waitForLock(worker: usize): void {
  const owner = ownerOf(worker)
  let serial = atomic.load<u32>(LOCK_SERIAL)
  let looks: u32 = 0
  for (;;) {
    const holder = atomic.load<u32>(LOCK)
    if (holder == 0) {
      if (atomic.cmpxchg<u32>(LOCK, 0, owner) == 0) return
    }
    const now = atomic.load<u32>(LOCK_SERIAL)
    looks = now == serial ? looks + 1 : 0
    serial = now
    if (looks < PATIENCE) continue
    looks = 0
    if (holder) breakLock(worker, holder - 1)
  }
}
