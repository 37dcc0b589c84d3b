// SPDX-License-Identifier: MIT
/** Small documents from servers: manifests, tokens. */
import { ErofsError } from "../errors.js"
import { Exchange, type FetchFunction } from "./exchange.js"
import { isTransientStatus } from "./http-answers.js"
import { Attempts, parseRetryAfter, type RetryPolicy, Transient } from "./retry.js"

/** How documents are fetched. */
export interface DocumentSettings {
  /** Milliseconds for an answer to begin, and for each 64 KiB of it. */
  timeout: number
  retry: RetryPolicy
}

/** An answer with all of its body. */
export interface Document {
  status: number
  headers: Headers
  bytes: Uint8Array<ArrayBuffer>
}

/**
 * Fetches a document of at most `limit` bytes, whatever its status; tries again where that may help. `what` names it in
 * errors. Throws EIO, also for one that is longer; what `fetch` throws; the signal's reason.
 */
export async function fetchDocument(
  fetch: FetchFunction,
  url: string,
  init: RequestInit,
  { what, limit, signal }: { what: string; limit: number; signal: AbortSignal },
  { timeout, retry }: DocumentSettings,
): Promise<Document> {
  const attempts = new Attempts(retry)
  for (;;) {
    const exchange = new Exchange(signal, timeout)
    try {
      const response = await exchange.send(fetch, url, init)
      const { status, headers } = response
      if (isTransientStatus(status)) {
        const error = new ErofsError("EIO", `${what}: HTTP ${status}`)
        throw new Transient(error, parseRetryAfter(headers.get("retry-after"), Date.now()))
      }
      return { status, headers, bytes: await receive(exchange, headers, what, limit) }
    } catch (error) {
      await attempts.next(error, signal)
    } finally {
      exchange.end()
    }
  }
}

async function receive(
  exchange: Exchange,
  headers: Headers,
  what: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLong = new ErofsError("EIO", `${what} is longer than ${limit} bytes`)
  if (Number(headers.get("content-length") ?? 0) > limit) throw tooLong
  const pieces: Uint8Array[] = []
  let length = 0
  for (let piece = await exchange.read(); piece; piece = await exchange.read()) {
    length += piece.length
    if (length > limit) throw tooLong
    pieces.push(piece)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** The object that a document holds in JSON. Throws EIO for anything else. */
export function parseObject({ bytes }: Pick<Document, "bytes">, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ErofsError("EIO", `${what} is no JSON`, { cause })
  }
  if (!isObject(value)) throw new ErofsError("EIO", `${what} is no object`)
  return value
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
