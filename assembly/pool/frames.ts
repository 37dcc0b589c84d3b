// SPDX-License-Identifier: MIT
/**
 * Frames: their state words, pins, and the bitmap of free ones.
 *
 * State word of a frame:
 *
 *   31      28 27        26     25     24      23 22      21 20  19                     0
 *   +---------+---------+------+------+-------+--+-------+------+------------------------+
 *   |    0    | offline | kept | busy | ready |0 | fresh | heat |          pins          |
 *   +---------+---------+------+------+-------+--+-------+------+------------------------+
 *
 *   ready     the frame holds a whole page; may be pinned by readers
 *   busy      the frame is being filled; only its filler touches it, whose place stands instead of pins
 *   kept      the frame holds a long key (intern.ts)
 *   offline   the frame is set aside, as the pool has been made smaller (resize.ts)
 *   fresh     nobody has used the page yet: its first use does not make it warmer
 *   heat      how often reclaim passes it by (0..3); rises with every use but the first
 *   pins      readers that hold it; a pinned frame is never reclaimed. What each worker holds of them stands
 *             in its pin table, so that they can be taken off when it ends without giving them back
 *   0         the frame is free (and its bit in the bitmap is set)
 */
import { PAGE_BITS } from "../bits"
import {
  CONTENT_RECORD_SIZE,
  ContentRecord,
  control,
  FRAME_RECORD_BITS,
  FrameRecord,
  Guarded,
  guarded,
  pinTable,
  WorkerRecord,
} from "../layout"
import { addShared, exchangeShared, loadShared, loadShared64, storeShared, storeShared64 } from "./atomics"
import { spaceOf } from "./names"

const NAME_OFFSET: usize = offsetof<FrameRecord>("name")
const RECLAIMED_OFFSET: usize = offsetof<Guarded>("reclaimed")

const PIN_BITS: u32 = 20
export const PIN_MASK: u32 = (1 << PIN_BITS) - 1
export const HEAT_ONE: u32 = 1 << PIN_BITS
export const HEAT_MASK: u32 = 3 << PIN_BITS
export const READY: u32 = 1 << 24
export const BUSY_FRAME: u32 = 1 << 25
export const FRESH: u32 = 1 << 22
export const KEPT_FRAME: u32 = 1 << 26
export const OFFLINE_FRAME: u32 = 1 << 27

/** The record of a frame. */
export function frameRecord(frame: u32): FrameRecord {
  return changetype<FrameRecord>(control().frameTable + ((frame as usize) << FRAME_RECORD_BITS))
}

/** What sharing by content knows of a frame. */
export function contentRecord(frame: u32): ContentRecord {
  return changetype<ContentRecord>(control().contentTable + (frame as usize) * CONTENT_RECORD_SIZE)
}

/** The file that brought the page of a frame in. */
export function readerOf(frame: u32): u32 {
  return load<u32>(control().readers + ((frame as usize) << 2))
}
export function setReader(frame: u32, reader: u32): void {
  store<u32>(control().readers + ((frame as usize) << 2), reader)
}

/** The address space of the page in a frame; 0 = none. Only valid under the lock. */
export function spaceIn(frame: u32): u32 {
  return spaceOf(frameRecord(frame).name)
}

/** The frame that lies at an address. Only valid for addresses within the frames. */
export function frameAt(address: usize): u32 {
  if (CHECKED) assert(address >= control().frames && address < control().end)
  return ((address - control().frames) >> PAGE_BITS) as u32
}

/** The state word of a frame. */
export function frameState(frame: u32): u32 {
  return loadShared(changetype<usize>(frameRecord(frame)))
}

/** Sets the state word of a frame. Only valid for its filler, or under the lock. */
export function setFrameState(frame: u32, state: u32): void {
  storeShared(changetype<usize>(frameRecord(frame)), state)
}

/** Replaces a frame's state word if it still is `expected`. */
export function exchangeFrameState(frame: u32, expected: u32, state: u32): bool {
  return exchangeShared(changetype<usize>(frameRecord(frame)), expected, state)
}

/**
 * Pins the frame if it holds a complete page; `isUse` makes it warmer. Takes no lock: the frame may be reclaimed
 * and filled with another page at any moment before the pin, so whoever calls compares what it holds after it.
 */
export function pinFrame(worker: WorkerRecord, frame: u32, isUse: bool): bool {
  const address = changetype<usize>(frameRecord(frame))
  const own = pinTable(worker.place) + frame
  const carry = carryOf(own, frame)
  let state = loadShared(address)
  for (;;) {
    if (!(state & READY)) return false
    if ((state & PIN_MASK) == PIN_MASK) return false
    let used = state + 1
    if (state & FRESH) used -= FRESH
    else if ((state & HEAT_MASK) != HEAT_MASK) used += isUse ? HEAT_ONE : 0
    if (exchangeShared(address, state, used)) break
    state = loadShared(address)
  }
  // Engines end a worker at the head of a loop or of a function: not between the exchange and the end of this.
  const held = <u32>load<u8>(own) + 1
  store<u8>(own, held)
  if (held > <u32>u8.MAX_VALUE) {
    store<u16>(carry, load<u16>(carry) + 1)
    worker.carries = 1
  }
  return true
}

/** Takes one pin off a frame. Only valid for a pin of this worker. */
export function unpinFrame(worker: WorkerRecord, frame: u32): void {
  const own = pinTable(worker.place) + frame
  const held = <u32>load<u8>(own)
  if (!held) {
    const carry = carryOf(own, frame)
    if (CHECKED) assert(load<u16>(carry) != 0)
    store<u16>(carry, load<u16>(carry) - 1)
  }
  store<u8>(own, held - 1)
  const before = addShared(changetype<usize>(frameRecord(frame)), -1)
  if (CHECKED) assert((before & PIN_MASK) != 0)
}

/** Address of how often a count of pins, which lies at `own`, ran over. */
function carryOf(own: usize, frame: u32): usize {
  return own + control().frameCount + frame
}

/** Takes all pins off that a worker, which has ended, still holds. */
export function unpinAll(place: u32): void {
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const own = pinTable(place) + frame
    const carry = carryOf(own, frame)
    const held = <u32>load<u8>(own) + ((<u32>load<u16>(carry)) << 8)
    if (!held) continue
    store<u8>(own, 0)
    store<u16>(carry, 0)
    addShared(changetype<usize>(frameRecord(frame)), -held)
  }
}

/** Whether the frame holds the page of that name, as its own and not by an alias. */
export function holdsPage(frame: u32, name: u64): bool {
  return loadShared64(changetype<usize>(frameRecord(frame)) + NAME_OFFSET) == name
}

/** Gives a frame the name of the page in it, 0 = none. Only valid under the lock. */
export function setName(frame: u32, name: u64): void {
  storeShared64(changetype<usize>(frameRecord(frame)) + NAME_OFFSET, name)
}

/** Whether the frame's bit is set in the bitmap. Only valid under the lock. */
export function isFree(frame: u32): bool {
  return bool((load<u32>(control().bitmap + ((frame >> 5) << 2)) >> (frame & 31)) & 1)
}

/** Marks a frame busy for its filler, the worker of a place. Only valid under the lock, for a free frame. */
export function takeFrame(frame: u32, place: u32): void {
  if (CHECKED) assert(isFree(frame))
  const c = control()
  const g = guarded()
  const word = c.bitmap + ((frame >> 5) << 2)
  store<u32>(word, load<u32>(word) & ~((1 as u32) << (frame & 31)))
  g.freeFrames -= 1
  setName(frame, 0)
  if (CHECKED) assert(!contentRecord(frame).aliases && !contentRecord(frame).hash)
  setFrameState(frame, BUSY_FRAME | place)
}

/** Gives a frame back. Only valid under the lock, for a frame that is in no hash chain and has no reader. */
export function freeFrame(frame: u32): void {
  if (CHECKED) assert(!isFree(frame))
  const c = control()
  const g = guarded()
  const word = c.bitmap + ((frame >> 5) << 2)
  store<u32>(word, load<u32>(word) | ((1 as u32) << (frame & 31)))
  g.freeFrames += 1
  setName(frame, 0)
  setFrameState(frame, 0)
}

/**
 * How many frames have been emptied, modulo 2^32. As long as it stays the same, what a complete page's frame holds does,
 * too. Whoever reads it without the lock, and then pages, compares it under the lock.
 */
export function framesEmptied(): u32 {
  return loadShared(changetype<usize>(guarded()) + RECLAIMED_OFFSET)
}

/** Lets the search for free frames begin with one that was given back unused: it is in the processor's cache. */
export function reuseFrame(frame: u32): void {
  guarded().bitmapHint = frame
}

/** The place of the worker that is filling a frame of that state. */
export function fillerOf(state: u32): u32 {
  return state & PIN_MASK
}

/** Whether a worker of that place is filling a frame of that state. */
export function isBusyFor(state: u32, place: u32): bool {
  return bool(state & BUSY_FRAME) && (state & PIN_MASK) == place
}

/** Makes the bitmap say which frames are free, after their states. */
export function rebuildBitmap(): void {
  const c = control()
  const g = guarded()
  memory.fill(c.bitmap, 0, ((c.frameCount >> 3) as usize) + 8)
  g.freeFrames = 0
  for (let frame: u32 = 0; frame < c.frameCount; frame++) {
    if (frameState(frame)) continue
    const word = c.bitmap + ((frame >> 5) << 2)
    store<u32>(word, load<u32>(word) | ((1 as u32) << (frame & 31)))
    g.freeFrames += 1
  }
  g.bitmapHint = 0
  g.hand = 0
  g.stretchStart = 0
  g.pass = 0
}

/**
 * The first frame of a run of `length` free frames, searched from where the last search ended, or -1.
 * Only valid under the lock.
 */
export function findFreeRun(length: u32): i32 {
  const c = control()
  const g = guarded()
  if (g.freeFrames < length) return -1
  const found = scanFree(g.bitmapHint, c.frameCount, length)
  if (found >= 0) {
    g.bitmapHint = (found as u32) + length
    return found
  }
  const wrapped = scanFree(0, min(c.frameCount, g.bitmapHint + length), length)
  if (wrapped >= 0) g.bitmapHint = (wrapped as u32) + length
  return wrapped
}

/** Searches the bitmap from frame `from` to before `to` for a run of free frames. */
function scanFree(from: u32, to: u32, length: u32): i32 {
  const bitmap = control().bitmap
  let run: u32 = 0
  let frame = from
  while (frame < to) {
    const word = load<u32>(bitmap + ((frame >> 5) << 2)) >> (frame & 31)
    if (word == 0) {
      run = 0
      frame = (frame | 31) + 1
      continue
    }
    const skip = ctz(word)
    if (skip) {
      run = 0
      frame += skip
      continue
    }
    // A run of ones, as far as this word shows it.
    const ones = min<u32>(ctz(~word), 32 - (frame & 31))
    const usable = min(ones, to - frame)
    run += usable
    if (run >= length) return (frame + usable - run) as i32
    frame += ones
    if (ones < 32 - ((frame - ones) & 31)) run = 0
  }
  return -1
}
