// SPDX-License-Identifier: MIT
/** Numbers and records of the core, read from the texts of assembly/, so that no test has a copy of them. */
import { readFileSync } from "node:fs"

/** The text of a file of the project. */
export function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")
}

/** Constants of a text whose value is a number, a shift of numbers or a product of numbers. */
export function constantsOf(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/const ([A-Z0-9_]+)(?:: \w+)? = ([0-9a-fx<< *]+)\n/g)) {
    const shift = (value as string).split("<<").map(Number)
    found.set(
      name as string,
      shift.length === 2 ? (shift[0] as number) * 2 ** (shift[1] as number) : Number(value),
    )
  }
  return found
}

/** A record of the core: where each field lies, which are of 16 bits and which of 64, and how long it is; in bytes. */
export interface RecordLayout {
  offsets: ReadonlyMap<string, number>
  bytes: ReadonlyMap<string, number>
  size: number
}

/** The layout of a record class in a text: fields of two, four or eight bytes, each at a multiple of its size. */
export function recordOf(text: string, name: string): RecordLayout {
  const body = new RegExp(`class ${name} \\{([\\s\\S]*?)\\n\\}`).exec(text)?.[1]
  if (body === undefined) throw new Error(`there is no record ${name}`)
  const offsets = new Map<string, number>()
  const sizes = new Map<string, number>()
  let size = 0
  for (const [, field, type] of body.matchAll(/^ {2}(\w+): (u16|u32|u64|usize)$/gm)) {
    const bytes = type === "u64" ? 8 : type === "u16" ? 2 : 4
    size = Math.ceil(size / bytes) * bytes
    offsets.set(field as string, size)
    sizes.set(field as string, bytes)
    size += bytes
  }
  return { offsets, bytes: sizes, size }
}
