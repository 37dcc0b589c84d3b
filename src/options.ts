// SPDX-License-Identifier: MIT
import { ErofsError } from "./errors.js"

/** Options of everything that can wait. */
export interface Abortable {
  /** Aborting it rejects the promise with the signal's reason. */
  signal?: AbortSignal
}

/** Throws ENOTSUP if an option is given that is not among the allowed: none is ever ignored. */
export function checkOptions(options: object | undefined, allowed: readonly string[]): void {
  if (!options) return
  for (const name of Object.keys(options)) {
    if (allowed.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue
    throw new ErofsError("ENOTSUP", `option '${name}' is not supported`)
  }
}

/** What a value is that is not what its type says, for messages. */
function nameOfType(value: unknown): string {
  return value === null ? "null" : typeof value
}

/**
 * The bytes that something is read into or given as. Throws EINVAL for other kinds of memory, of which `length` counts no bytes:
 * they would seem to be read.
 */
export function checkArray(value: Uint8Array, what: string): void {
  if (value instanceof Uint8Array) return
  // Those of other realms, such as frames and test environments, too.
  if (ArrayBuffer.isView(value) && (value as Uint8Array).BYTES_PER_ELEMENT === 1) return
  throw new ErofsError("EINVAL", `${what} is no Uint8Array`)
}

/** A byte position as a number. Throws EINVAL for what is none, EOVERFLOW beyond 2^53 - 1. */
export function toPosition(value: number | bigint, what: string): number {
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw new ErofsError("EINVAL", `${what} is no number but ${nameOfType(value)}`)
  }
  const number = Number(value)
  if (typeof value === "bigint" && value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ErofsError("EOVERFLOW", `${what} ${value} is beyond 2^53`)
  }
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new ErofsError("EINVAL", `${what} ${value} is not a whole number of bytes`)
}
