// SPDX-License-Identifier: MIT

/** What a module's binary says of itself, as far as tests ask; after the WebAssembly specification, section 5.5. */
export interface ModuleFacts {
  imports: string[]
  exports: { name: string; kind: number }[]
  /** Whether each global can be changed. */
  globals: boolean[]
  /** Where each data segment lies; `start` undefined for one that is passive. */
  segments: { start: number | undefined; length: number }[]
}

const IMPORT = 2
const GLOBAL = 6
const EXPORT = 7
const DATA = 11
const I32_CONST = 0x41
const END = 0x0b

/** Reads the binary from front to back. */
class Cursor {
  at = 0
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte(): number {
    return this.bytes[this.at++] as number
  }

  /** An unsigned number in LEB128. */
  unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  /** A signed number of 32 bits in LEB128, as an address. */
  address(): number {
    let value = 0
    let shift = 0
    for (;;) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      shift += 7
      if (byte < 0x80) {
        const isNegative = shift < 32 && (byte & 0x40) !== 0
        return (isNegative ? value | (-1 << shift) : value) >>> 0
      }
    }
  }

  text(): string {
    const length = this.unsigned()
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at))
  }

  limits(): void {
    const flags = this.byte()
    this.unsigned()
    if (flags & 1) this.unsigned()
  }

  /** Skips a constant expression; its value if it is one i32. */
  expression(): number | undefined {
    let value: number | undefined
    for (;;) {
      const opcode = this.byte()
      if (opcode === END) return value
      if (opcode === I32_CONST) value = this.address()
      else if (opcode === 0x42) this.unsigned()
      else if (opcode === 0x43) this.at += 4
      else if (opcode === 0x44) this.at += 8
      else throw new Error(`opcode ${opcode} in a constant expression`)
    }
  }
}

/** Reads the facts from a module's bytes. */
export function moduleFacts(bytes: Uint8Array): ModuleFacts {
  const facts: ModuleFacts = { imports: [], exports: [], globals: [], segments: [] }
  const cursor = new Cursor(bytes, 8)
  while (cursor.at < bytes.length) {
    const section = cursor.byte()
    const length = cursor.unsigned()
    const end = cursor.at + length
    const count = section === 0 ? 0 : cursor.unsigned()
    for (let i = 0; i < count; i++) readEntry(cursor, section, facts)
    cursor.at = end
  }
  return facts
}

function readEntry(cursor: Cursor, section: number, facts: ModuleFacts): void {
  if (section === IMPORT) {
    const name = `${cursor.text()}.${cursor.text()}`
    const kind = cursor.byte()
    facts.imports.push(name)
    if (kind === 2) cursor.limits()
    else throw new Error(`import ${name} is no memory`)
  } else if (section === GLOBAL) {
    cursor.byte()
    facts.globals.push(cursor.byte() === 1)
    cursor.expression()
  } else if (section === EXPORT) {
    const name = cursor.text()
    facts.exports.push({ name, kind: cursor.byte() })
    cursor.unsigned()
  } else if (section === DATA) {
    const mode = cursor.unsigned()
    if (mode === 2) cursor.unsigned()
    const start = mode === 1 ? undefined : cursor.expression()
    const length = cursor.unsigned()
    cursor.at += length
    facts.segments.push({ start, length })
  }
}
