// SPDX-License-Identifier: MIT
import { ErofsError, type ErrorDetails } from "./errors.js"

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

/**
 * Throws EINVAL for memory that is no array of bytes: what counts other elements, or none, would seem to be read. Arrays of other
 * realms, such as frames and test environments, are fine.
 */
export function checkArray(value: Uint8Array, details?: ErrorDetails): void {
  if (value?.BYTES_PER_ELEMENT === 1) return
  throw new ErofsError("EINVAL", "not a Uint8Array", details)
}

/** A byte position as a number. Throws EINVAL for what is none, EOVERFLOW beyond 2^53 - 1. */
export function toPosition(value: number | bigint, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value
  if (typeof value === "bigint" && value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ErofsError("EOVERFLOW", `${what} ${value} is beyond 2^53`)
  }
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new ErofsError("EINVAL", `${what} ${value} is not a whole number of bytes`)
}
