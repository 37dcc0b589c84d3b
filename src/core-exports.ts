// SPDX-License-Identifier: MIT
/** The face of the core, as assembly/index.ts has it. */

/** Bytes of a state of SHA-256. */
export const HASH_STATE_BYTES = 32

/** What an instance of the core exports. */
export interface CoreExports {
  poolBytes(frames: number, spaces: number, workers: number): number
  createPool(frames: number, spaces: number, workers: number, usesContent: boolean): void
  takePlace(): number
  joinPool(place: number): number
  freePlace(worker: number, place: number): void
  fillEpochAt(): number
  nextMount(): number
  exchangeAt(worker: number): number
  slotAt(worker: number, slot: number): number
  openSpace(
    worker: number,
    tag: number,
    owner: number,
    keyLength: number,
    size: number,
    mount: number,
    domain: number,
  ): number
  releaseSpace(worker: number, space: number, mount: number): void
  acquire(worker: number, space: number, page: number, count: number, isUse: boolean): number
  release(worker: number, address: number, count: number): void
  copy(worker: number, space: number, position: number, length: number, target: number): number
  missingPage(worker: number): number
  firstMissing(space: number, from: number, to: number): number
  planFill(worker: number, slot: number, page: number, want: number, request: number): number
  finishFill(slot: number): number
  directAt(slot: number): number
  abortFill(slot: number): void
  mapAt(slot: number, position: number): number
  slotField(slot: number, field: number): number
  rangeField(slot: number, range: number, field: number): number
  extentField(slot: number, field: number): number
  failRange(slot: number, range: number): void
  dropAll(worker: number): number
  dropRange(worker: number, space: number, from: number, to: number, reader: number): number
  dropMount(worker: number, mount: number, device: number): number
  resizePool(worker: number, frames: number): number
  describeFrames(worker: number, first: number, count: number, target: number): number
  describeAliases(worker: number, first: number, count: number, target: number): number
  describeSpace(worker: number, space: number, target: number, limit: number): number
  statistics(worker: number): void
  sha256Blocks(state: number, data: number, count: number): void
  sha256Pages(state: number, data: number, pages: number, pageBytes: number, states: number): void
  xxh32(address: number, length: number, seed: number): number
}

/** An instance of the core on a memory. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): CoreExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CoreExports
}
