// SPDX-License-Identifier: MIT
/** Carrying out a plan: its ranges are read, its fill is finished or given up. */
import type { Content } from "./content.js"
import type { Engine } from "./engine.js"
import { type ErofsError, isErofsError } from "./errors.js"
import { failure, fetchFailure } from "./failure.js"
import type { Slot } from "./slot.js"
import * as status from "./status.js"

/** What becomes of the pages of a fill that goes past the pool; undefined: they go into the pool. */
export type Use = ((pages: Uint8Array) => void) | undefined

/** Reads and finishes what was planned. Throws what the page wanted failed with; the slot is free for another plan after it. */
export function carryOutSync(engine: Engine, content: Content, slot: Slot, use: Use): void {
  let finished = false
  try {
    const errors = fetchSync(slot, content)
    const answer = slot.finish(use ? undefined : content.proof)
    finished = true
    if (answer !== status.OK) throw fillFailure(answer, engine, content, slot, errors)
    use?.(slot.directPages)
  } finally {
    if (!finished) slot.abort()
    engine.announceSettled()
  }
}

/** Like {@link carryOutSync}, later, and gives the slot back. */
export async function carryOut(
  engine: Engine,
  content: Content,
  slot: Slot,
  use: Use,
  signal: AbortSignal | undefined,
): Promise<void> {
  let finished = false
  try {
    signal?.throwIfAborted()
    const errors = slot.rangeCount > 0 ? await fetchLater(slot, content, signal) : undefined
    const answer = slot.finish(use ? undefined : content.proof)
    finished = true
    if (answer !== status.OK) throw fillFailure(answer, engine, content, slot, errors)
    use?.(slot.directPages)
  } finally {
    if (!finished) slot.abort()
    engine.returnSlot(slot)
    engine.announceSettled()
  }
}

/** Why ranges of a plan could not be read, by their numbers. */
type RangeErrors = Map<number, unknown>

/** Reads the ranges of a plan. Failures are noted in the plan, and answered for the one who asks why. */
function fetchSync(slot: Slot, { devices }: Content): RangeErrors | undefined {
  let errors: RangeErrors | undefined
  const { rangeCount } = slot
  for (let range = 0; range < rangeCount; range++) {
    try {
      devices.readSync(slot.rangeDevice(range), slot.rangeOffset(range), slot.rangeTarget(range))
    } catch (error) {
      slot.failRange(range)
      errors ??= new Map()
      errors.set(range, error)
    }
  }
  return errors
}

/** Like {@link fetchSync}, all ranges at the same time; settled once nothing of it is under way any more. */
async function fetchLater(
  slot: Slot,
  { devices }: Content,
  signal: AbortSignal | undefined,
): Promise<RangeErrors> {
  const errors: RangeErrors = new Map()
  const reads = Array.from({ length: slot.rangeCount }, async (_, range) => {
    try {
      const offset = slot.rangeOffset(range)
      await devices.read(slot.rangeDevice(range), offset, slot.rangeTarget(range), signal)
    } catch (error) {
      slot.failRange(range)
      errors.set(range, error)
    }
  })
  await Promise.all(reads)
  return errors
}

/** The error for a fill that did not bring in the page wanted. */
function fillFailure(
  answer: number,
  engine: Engine,
  content: Content,
  slot: Slot,
  errors: RangeErrors | undefined,
): ErofsError {
  if (answer !== status.FETCH_FAILED) return failure(answer, content, slot.errorOffset)
  const cause = errors?.get(slot.failedRange)
  // Another version of the image: what is known of this one must not be mixed with it.
  if (isErofsError(cause, "ESTALE")) engine.core.dropMount(content.description.mount, 0)
  return fetchFailure(cause, content, slot.errorOffset)
}
