// SPDX-License-Identifier: MIT
/** From what went wrong in the core or in a source to the error that the caller sees. */
import type { Content } from "./content.js"
import { ErofsError, isErofsError } from "./errors.js"
import * as status from "./status.js"

/** The error for a status of the core. */
export function failure(code: number, content: Pick<Content, "nid">, offset: number): ErofsError {
  const [errorCode, reason] = status.FAILURES[code] ?? (["EIO", `core status ${code}`] as const)
  return new ErofsError(errorCode, reason, { ...nidOf(content), offset })
}

/** The error for bytes that the source did not give. */
export function fetchFailure(cause: unknown, content: Content, offset: number): ErofsError {
  if (isErofsError(cause)) {
    return new ErofsError(cause.code, cause.reason, { ...nidOf(content), offset, cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ErofsError("EIO", `reading the image failed: ${reason}`, { ...nidOf(content), offset, cause })
}

/** The nid of a content, as a detail of errors. */
export function nidOf(content: Pick<Content, "nid">): { nid?: bigint } {
  return content.nid === undefined ? {} : { nid: content.nid }
}
