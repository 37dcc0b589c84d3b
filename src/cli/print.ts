// SPDX-License-Identifier: MIT
/** Data on its way to standard output: bytes, lines, JSON. */
import { encodeName } from "../format/names.js"

/** Standard output or a file in its place. */
export interface Output {
  /** Whether a person may be looking at it. */
  readonly isTerminal: boolean
  /** Fulfilled once more may be written; `bytes` may then be changed. Rejected with what the system says. */
  write(bytes: Uint8Array): Promise<void>
}

/** Where a command writes to. */
export interface Io {
  readonly stdout: Output
  readonly stderr: { readonly isTerminal: boolean; write(bytes: Uint8Array): void }
}

/** Bytes of text that are collected before they are written. */
const FULL = 64 << 10

/** Collects text for an output; names in it appear as their bytes. */
export class Printer {
  readonly #output: Output
  #parts: string[] = []
  #length = 0

  constructor(output: Output) {
    this.#output = output
  }

  /** Adds text and a line feed. */
  line(text: string): void {
    this.text(`${text}\n`)
  }

  /** Adds text as it is. */
  text(text: string): void {
    this.#parts.push(text)
    this.#length += text.length
  }

  /** A name, path or link target as it may be shown: for a terminal without control characters. */
  name(text: string): string {
    return this.#output.isTerminal ? escapeForTerminal(text) : text
  }

  /** Writes out what was collected if it is much. To be awaited between lines. */
  async drain(): Promise<void> {
    if (this.#length >= FULL) await this.flush()
  }

  /** Writes out what was collected. */
  async flush(): Promise<void> {
    if (this.#length === 0) return
    const text = this.#parts.join("")
    this.#parts = []
    this.#length = 0
    await this.#output.write(textBytes(text))
  }
}

/** Text as bytes; names in it that are not UTF-8 become the bytes they are. */
export function textBytes(text: string): Uint8Array {
  return SURROGATE.test(text) ? encodeName(text) : Buffer.from(text)
}

const SURROGATE = /[\ud800-\udfff]/

const CONTROLS = /\p{Cc}/gu
/** Marks that turn the direction of writing. */
const DIRECTIONS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const RAW_BYTES = /[\udc80-\udcff]/gu

/** Text in which control characters, line feeds too, are written `\xNN`. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (character) => hexEscape(character.charCodeAt(0)))
}

/** Text that cannot steer a terminal: control characters and bytes that are not UTF-8 are written `\xNN`. */
export function escapeForTerminal(text: string): string {
  return escapeControls(text)
    .replace(DIRECTIONS, (character) => `\\u${character.charCodeAt(0).toString(16)}`)
    .replace(RAW_BYTES, (character) => hexEscape(character.charCodeAt(0) & 0xff))
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, "0")}`
}

/** What {@link toJson} can write. Keys whose value is undefined are left out. */
export type Json =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json }

/**
 * JSON with every integer exact, bigints too, and only ASCII characters; names that are not UTF-8 hold lone
 * surrogates. `indent` spaces a level; without it all is one line without spaces.
 */
export function toJson(value: Json, indent = 0): string {
  return write(value, indent, "")
}

function write(value: Json, indent: number, margin: string): string {
  if (typeof value === "string") return quote(value)
  if (typeof value === "bigint") return value.toString()
  if (value === null || value === undefined || typeof value !== "object") {
    return JSON.stringify(value ?? null)
  }
  const inner = margin + " ".repeat(indent)
  if (isArray(value)) {
    const items = value.map((item) => write(item, indent, inner))
    return enclose("[", items, "]", indent, margin)
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  const items = entries
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${quote(key)}:${indent > 0 ? " " : ""}${write(item, indent, inner)}`)
  return enclose("{", items, "}", indent, margin)
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function enclose(open: string, items: string[], close: string, indent: number, margin: string): string {
  if (indent === 0 || items.length === 0) return open + items.join(",") + close
  const inner = `\n${margin}${" ".repeat(indent)}`
  return `${open}${inner}${items.join(`,${inner}`)}\n${margin}${close}`
}

const NOT_ASCII = /[\u007f-\uffff]/g

/** A string in JSON, ASCII only. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    NOT_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

/** A number and what there are so many of: `1 file`, `2 files`; `many` where that is not `one` with an s. */
export function counted(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${Number(count) === 1 ? one : many}`
}

/** Entries by their kinds, and bytes of files. */
export interface Counts {
  files: number
  directories: number
  symlinks: number
  others: number
  bytes: number | bigint
}

/** How many there are of each kind, and bytes. */
export function countedKinds({ files, directories, symlinks, others, bytes }: Counts): string[] {
  return [
    counted(files, "file"),
    counted(directories, "directory", "directories"),
    counted(symlinks, "symlink"),
    counted(others, "other"),
    counted(bytes, "byte"),
  ]
}
