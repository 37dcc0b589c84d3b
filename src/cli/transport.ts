// SPDX-License-Identifier: MIT
/** Errors on their way from one thread to another, which would cost them their class and their fields. */
import { ErofsError, type ErrorCode, isErofsError } from "../errors.js"
import { codeOf } from "./exit.js"

/** An error as plain data. */
export interface PackedError {
  isErofs: boolean
  message: string
  stack: string | undefined
  code: string | undefined
  syscall: string | undefined
  path: string | undefined
  nid: bigint | undefined
  offset: number | bigint | undefined
}

/** An error of this library or of the system as data. */
export function packError(error: unknown): PackedError {
  const { syscall, path, nid, offset } = (error instanceof Error ? error : {}) as Partial<PackedError>
  return {
    isErofs: isErofsError(error),
    message: isErofsError(error) ? error.reason : error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: codeOf(error),
    syscall,
    path,
    nid,
    offset,
  }
}

/** The error again. */
export function unpackError({ isErofs, message, stack, code, ...where }: PackedError): Error {
  const details = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined))
  const error = isErofs
    ? new ErofsError(code as ErrorCode, message, details)
    : Object.assign(new Error(message), details, code !== undefined && { code })
  if (stack !== undefined) error.stack = stack
  return error
}
