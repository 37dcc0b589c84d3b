// SPDX-License-Identifier: MIT
/**
 * The pool's one short lock. Held for microseconds, never across I/O. In the build for plain memory there is
 * one instance only, and the lock vanishes.
 *
 * Its word:
 *
 *   31          30                  0
 *   +-----------+--------------------+
 *   | contended | place + 1, 0: free |
 *   +-----------+--------------------+
 *
 * A worker can be terminated at any moment, also while it holds the lock. Whoever waits longer than any holder
 * could take lets it count as gone, takes the lock from it and puts the pool in order (repair.ts).
 */
import { guarded, LOCK, LOCK_SERIAL, WorkerRecord } from "../layout"
import { repairPool } from "./repair"

const CONTENDED: u32 = 1 << 31
/** Looks at the lock before a waiter sleeps, and for how long it sleeps then, in nanoseconds. */
const SPINS: u32 = 400
const NAP: i64 = 1_000_000
/** Naps in a row under one and the same holding until the holder counts as gone: some seconds. */
const PATIENCE: u32 = 4000
/** The same for threads that must not sleep, in looks at the lock. */
const SPINNING_PATIENCE: u32 = 1 << 31

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
    if ((atomic.load<u32>(LOCK) & ~CONTENDED) != ownerOf(worker)) unreachable()
    if (atomic.xchg<u32>(LOCK, 0) & CONTENDED) atomic.notify(LOCK, 1)
  }
}

/** Whether a place holds the lock. Only an answer that lasts if that place's worker has ended. */
export function isLockedBy(place: u32): bool {
  return SHARED && (atomic.load<u32>(LOCK) & ~CONTENDED) == place + 1
}

/** Takes the lock from a worker that has ended while it held it, and puts the pool in order. */
export function breakLock(worker: usize, place: u32): void {
  if (!SHARED) return
  const word = atomic.load<u32>(LOCK)
  if ((word & ~CONTENDED) != place + 1) return
  if (atomic.cmpxchg<u32>(LOCK, word, ownerOf(worker) | CONTENDED) != word) return
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
  // Others may be asleep: whoever comes out of here lets unlock() wake one of them.
  const owner = ownerOf(worker) | CONTENDED
  const mayWait = bool(changetype<WorkerRecord>(worker).mayWait)
  let serial = atomic.load<u32>(LOCK_SERIAL)
  let waited: u32 = 0
  for (;;) {
    for (let i: u32 = 0; i < SPINS; i++) {
      if (atomic.load<u32>(LOCK) != 0) continue
      if (atomic.cmpxchg<u32>(LOCK, 0, owner) == 0) return
    }
    const word = atomic.load<u32>(LOCK)
    if (word == 0) continue
    const marked = word | CONTENDED
    if (mayWait) {
      // Only if that has come to nothing, as the lock has changed hands, does the nap end at once.
      atomic.cmpxchg<u32>(LOCK, word, marked)
      atomic.wait<u32>(LOCK, marked, NAP)
    }
    const now = atomic.load<u32>(LOCK_SERIAL)
    waited = now == serial ? waited + (mayWait ? 1 : SPINS) : 0
    serial = now
    if (waited >= (mayWait ? PATIENCE : SPINNING_PATIENCE)) {
      breakLock(worker, (word & ~CONTENDED) - 1)
      waited = 0
    }
  }
}
