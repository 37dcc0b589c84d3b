// SPDX-License-Identifier: MIT
/** What the headers of an answer say. Servers of other origins may hide any of them from a browser's page. */

/** A Content-Range: bytes `start` to before `end`, of `total` if the server tells. */
export interface ContentRange {
  start: number
  end: number
  total: number | undefined
}

/** Parses `bytes 0-99/1000` or `bytes 0-99/*`; undefined for anything else. */
export function parseContentRange(value: string | null): ContentRange | undefined {
  const [, first, last, all] = /^\s*bytes\s+(\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)\s*$/i.exec(value ?? "") ?? []
  if (first === undefined) return undefined
  return { start: Number(first), end: Number(last) + 1, total: all === "*" ? undefined : Number(all) }
}

/** The size that the answer to a range that is not there tells: `bytes *\/1000`. */
export function parseUnsatisfiedRange(value: string | null): number | undefined {
  const [, total] = /^\s*bytes\s+\*\/(\d{1,16})\s*$/i.exec(value ?? "") ?? []
  return total === undefined ? undefined : Number(total)
}

/** Bytes of the body, if they are told and are those of the file itself, not of a compressed form of it. */
export function contentLength(headers: Headers): number | undefined {
  const value = headers.get("content-length")
  if (value === null || isEncoded(headers) || !/^\d{1,16}$/.test(value)) return undefined
  return Number(value)
}

/** Whether the body is a compressed form of the file: positions in it are not positions in the file. */
export function isEncoded(headers: Headers): boolean {
  const encoding = headers.get("content-encoding")
  return encoding !== null && encoding !== "" && encoding.toLowerCase() !== "identity"
}

/** What tells two versions of a file apart. */
export interface Validator {
  /** A strong ETag. Weak ones only promise that versions mean the same, not that they are the same bytes. */
  etag: string | undefined
  lastModified: string | undefined
}

/** The validator of an answer. */
export function validatorOf(headers: Headers): Validator {
  const etag = headers.get("etag")
  return {
    etag: etag !== null && /^"[^"]*"$/.test(etag) ? etag : undefined,
    lastModified: headers.get("last-modified") ?? undefined,
  }
}

/** Whether an answer is about another version. What only one of the two tells proves nothing. */
export function isOtherVersion(pinned: Validator, found: Validator): boolean {
  if (pinned.etag !== undefined && found.etag !== undefined) return pinned.etag !== found.etag
  if (pinned.lastModified === undefined || found.lastModified === undefined) return false
  return pinned.lastModified !== found.lastModified
}

/** Statuses of answers that may be different soon. */
const TRANSIENT_STATUSES = [408, 425, 429, 500, 502, 503, 504]

/** Whether it is worth asking again after such an answer. */
export function isTransientStatus(status: number): boolean {
  return TRANSIENT_STATUSES.includes(status)
}
