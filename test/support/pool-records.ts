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
  /** The next frame of a chain of equal hashes. */
  contentLink: { size: 4, offsets: new Map([["next", 0]]) },
  alias: recordOf(text, "AliasRecord"),
  member: recordOf(text, "MemberRecord"),
  space: recordOf(text, "SpaceRecord"),
}
/** Which field of the control block says where the records of a kind lie. */
const tables = {
  frame: "frameTable",
  contentLink: "contentLinks",
  alias: "aliases",
  member: "members",
  space: "spaces",
} as const
/** The record of a space ends with its key. */
const SPACE_RECORD_SIZE = 2 ** (constants.get("SPACE_RECORD_BITS") as number)

/** A record's fields by their names; of 64-bit fields the low half. */
export type Fields = (field: string) => number

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

  contentLink(frame: number): Fields {
    return this.#numbered("contentLink", frame)
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
    this.words[(at + offset) >>> 2] = value
  }

  /** Whether a frame's bit in the bitmap is set. */
  isFree(frame: number): boolean {
    const word = this.#word(this.control("bitmap") + (frame >>> 5) * 4)
    return ((word >>> (frame & 31)) & 1) === 1
  }

  /** Pins that a place holds on a frame, by its table. */
  pins(place: number, frame: number): number {
    return this.#word(this.control("pinTables") + (place * this.control("frameCount") + frame) * 4)
  }

  /** First links of a table of chains. */
  buckets(table: "buckets" | "contentBuckets" | "spaceBuckets"): Uint32Array {
    const mask = this.control(table === "spaceBuckets" ? "spaceBucketMask" : "bucketMask")
    const first = this.control(table) >>> 2
    return this.words.subarray(first, first + mask + 1)
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

  #fields({ offsets }: RecordLayout, address: number): Fields {
    return (field) => {
      const offset = offsets.get(field)
      if (offset === undefined) throw new Error(`no field ${field}`)
      return this.#word(address + offset)
    }
  }
}
