// SPDX-License-Identifier: MIT
/**
 * Workers that have not been heard of for too long. Whoever waited in vain for a page that a worker is bringing in says so
 * in that one's record; as long as it does nothing from then on, nobody waits for any of its pages. It may be slow and no
 * more: its fills still count if they end first.
 */
import { WorkerRecord, workerAddress, workerRecord } from "../layout"

/** Lets the worker of a place count as gone until it does something. */
export function letCountAsGone(place: u32): void {
  const record = workerRecord(workerAddress(place))
  record.silentAt = doneBy(record)
}

/** Whether the worker of a place was found silent and has done nothing since. */
export function isSilent(place: u32): bool {
  const record = workerRecord(workerAddress(place))
  return record.silentAt == doneBy(record)
}

/** How much a worker has done; never 0. It changes with every page that is used, planned for or published. */
function doneBy(record: WorkerRecord): u64 {
  return record.hits + record.misses + record.pagesFilled + 1
}
