// SPDX-License-Identifier: MIT
/** What lies in a pool's memory, field by field. */
import { constantsOf, type RecordLayout, recordOf, textOf } from "./core-layout.js"

const text = textOf("assembly/layout.ts")
const constants = constantsOf(text)
const CONTROL = constants.get("CONTROL") as number
const LINE_SIZE = constants.get("LINE_SIZE") as number
/** Addresses of LOCK, GUARDED and PLACES: one line of the control block after the other. */
const [, LOCK, GUARDED, , PLACES] = [0, 1, 2, 3, 4].map((line) => CONTROL + line * LINE_SIZE) as [
  number,
  number,
  number,
  number,
  number,
]

const records = {
  control: recordOf(text, "Control"),
  guarded: recordOf(text, "Guarded"),
  frame: recordOf(text, "FrameRecord"),
  content: recordOf(text, "ContentRecord"),
  alias: recordOf(text, "AliasRecord"),
  member: recordOf(text, "MemberRecord"),
  space: recordOf(text, "SpaceRecord"),
}
/** Which field of the control block says where the records of a kind lie. */
const tables = {
  frame: "frameTable",
  content: "contentTable",
  alias: "aliases",
  member: "members",
  space: "spaces",
} as const
/** The record of a space ends with its key, which begins where the frame of a long one is named. */
const SPACE_RECORD_SIZE =
  (records.space.offsets.get("keyFrame") as number) + (constants.get("SPACE_KEY_INLINE") as number)
/** Bits of page numbers in the names of pages, and of places in what members hold. */
const PAGE_BITS = 64 - (constants.get("SPACE_NUMBER_BITS") as number)
const PLACE_BITS = constantsOf(textOf("assembly/pool/members.ts")).get("PLACE_BITS") as number

/** A record's fields by their names; of 64-bit fields the low half. */
export type Fields = (field: string) => number

/** A page by the name that a record has of it: its address space, 0 = none, and number. */
export interface PageName {
  space: number
  page: number
}

/** Reads the records of a pool as they stand in its memory. */
export class PoolRecords {
  readonly words: Uint32Array
  readonly control: Fields
  readonly guarded: Fields

  constructor(memory: WebAssembly.Memory) {
    this.words = new Uint32Array(memory.buffer)
    this.control = this.#fields(records.control, CONTROL)
    this.guarded = this.#fields(records.guarded, GUARDED)
  }

  /** The regions from the control block to before the workers, and the frames: all that instances share; bytes. */
  get regions(): [from: number, to: number][] {
    return [
      [CONTROL, this.control("workers")],
      [this.control("frames"), this.control("end")],
    ]
  }

  /** The word of the lock: the place that holds it, + 1; 0 = free. */
  get lock(): number {
    return this.words[LOCK >> 2] as number
  }

  /** Whether a place is taken. */
  isTaken(place: number): boolean {
    return (((this.words[PLACES >> 2] as number) >>> place) & 1) === 1
  }

  frame(frame: number): Fields {
    return this.#numbered("frame", frame)
  }

  /** What sharing by content knows of a frame. */
  content(frame: number): Fields {
    return this.#numbered("content", frame)
  }

  /** The name of the page in a frame, or of that of an alias. */
  nameOf(table: "frame" | "alias", number: number): PageName {
    const at = this.#address(table, number) + (records[table].offsets.get("name") as number)
    const name = (BigInt(this.#word(at + 4)) << 32n) | BigInt(this.#word(at))
    return { space: Number(name >> BigInt(PAGE_BITS)), page: Number(BigInt.asUintN(PAGE_BITS, name)) }
  }

  /** Whose references a member counts, and how many. */
  holdingOf(number: number): { place: number; references: number } {
    const holding = this.member(number)("holding")
    return { place: holding & (2 ** PLACE_BITS - 1), references: holding >>> PLACE_BITS }
  }

  alias(number: number): Fields {
    return this.#numbered("alias", number)
  }

  member(number: number): Fields {
    return this.#numbered("member", number)
  }

  space(space: number): Fields {
    return this.#numbered("space", space)
  }

  /** Overwrites a field of a record. */
  set(table: keyof typeof tables | "guarded", number: number, field: string, value: number): void {
    const at = table === "guarded" ? GUARDED : this.#address(table, number)
    const offset = records[table].offsets.get(field)
    if (offset === undefined) throw new Error(`no field ${field}`)
    const view = new DataView(this.words.buffer)
    const bytes = records[table].bytes.get(field)
    if (bytes === 2) view.setUint16(at + offset, value, true)
    else if (bytes === 8) view.setBigUint64(at + offset, BigInt(value), true)
    else view.setUint32(at + offset, value, true)
  }

  /** Whether a frame's bit in the bitmap is set. */
  isFree(frame: number): boolean {
    const word = this.#word(this.control("bitmap") + (frame >>> 5) * 4)
    return ((word >>> (frame & 31)) & 1) === 1
  }

  /** Pins that a place holds on a frame, by its table. */
  pins(place: number, frame: number): number {
    const frameCount = this.control("frameCount")
    const table = this.control("pinTables") + place * frameCount * (constants.get("PIN_BYTES") as number)
    const view = new DataView(this.words.buffer)
    return view.getUint8(table + frame) + 256 * view.getUint16(table + frameCount + 2 * frame, true)
  }

  /** First links of a table of chains. */
  buckets(table: "buckets" | "contentBuckets" | "spaceBuckets"): Uint32Array {
    const count = this.control(table === "spaceBuckets" ? "spaceBucketCount" : "bucketCount")
    const first = this.control(table) >>> 2
    return this.words.subarray(first, first + count)
  }

  #address(table: keyof typeof tables, number: number): number {
    const size = table === "space" ? SPACE_RECORD_SIZE : records[table].size
    return this.control(tables[table]) + number * size
  }

  #numbered(table: keyof typeof tables, number: number): Fields {
    return this.#fields(records[table], this.#address(table, number))
  }

  #word(address: number): number {
    return this.words[address >>> 2] as number
  }

  #fields({ offsets, bytes }: RecordLayout, address: number): Fields {
    return (field) => {
      const offset = offsets.get(field)
      if (offset === undefined) throw new Error(`no field ${field}`)
      if (bytes.get(field) === 2) return new DataView(this.words.buffer).getUint16(address + offset, true)
      return this.#word(address + offset)
    }
  }
}
