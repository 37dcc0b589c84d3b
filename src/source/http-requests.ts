// SPDX-License-Identifier: MIT
/** The requests of one remote file: limited in number, tried again, and checked to be about the same version of it. */
import { ErofsError } from "../errors.js"
import type { ByteRange } from "./coalesce.js"
import { Exchange, type FetchFunction } from "./exchange.js"
import { Gate } from "./gate.js"
import {
  contentLength,
  isEncoded,
  isOtherVersion,
  isTransientStatus,
  parseContentRange,
  parseUnsatisfiedRange,
  type Validator,
  validatorOf,
} from "./http-answers.js"
import { Attempts, parseRetryAfter, type RetryPolicy, Transient } from "./retry.js"

/** How requests are made. */
export interface RequestSettings {
  url: string
  /** The URL as messages may show it. */
  name: string
  fetch: FetchFunction
  headers: Headers
  credentials: RequestCredentials | undefined
  /** Requests at a time. */
  concurrency: number
  /** Milliseconds for an answer to begin, and for each 64 KiB of it. */
  timeout: number
  retry: RetryPolicy
}

/** Where the bytes of an answer go, in order. */
export type Sink = (piece: Uint8Array) => void

/** Bytes after which the failures before do not count any more. */
const PROGRESS = 64 << 10

/** The server gave the whole file where a part of it was asked for. */
export class RangesIgnored extends Error {}

/** All requests about one remote file. */
export class HttpRequests {
  readonly #settings: RequestSettings
  readonly #gate: Gate
  #pinned: Validator | undefined
  #size: number | undefined
  #stale: ErofsError | undefined
  /** Requests that were sent, and bytes of bodies that came. */
  readonly counters = { requests: 0, bytes: 0 }

  /** `size`: the file's, if it is known. */
  constructor(settings: RequestSettings, size: number | undefined) {
    this.#settings = settings
    this.#gate = new Gate(settings.concurrency)
    this.#size = size
  }

  /** Bytes of the file, as far as anything has told them. */
  get size(): number | undefined {
    return this.#size
  }

  /** Whether the file has been found to have changed: what is known of it must not be used any more. */
  get isStale(): boolean {
    return this.#stale !== undefined
  }

  /** What the version that is being read is known by. */
  get validator(): Validator | undefined {
    return this.#pinned
  }

  /**
   * Asks for the first `length` bytes, whose answer tells the size, too. Answers the bytes, which are all of them for a
   * shorter file; undefined where the answer does not serve, so that the size has to be found out otherwise. Throws ENOENT,
   * EIO.
   */
  async beginning(length: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return await this.#attempt(signal, async (exchange, cache) => {
      const response = await this.#send(exchange, "GET", { start: 0, end: length }, cache)
      const { status, headers } = response
      if (isTransientStatus(status)) throw this.#refused(response)
      if (status === 404 || status === 410) throw this.#error("ENOENT", `HTTP ${status}`)
      const size = sizeOfBeginning(response, length)
      if (size === undefined) return undefined
      const expected = Math.min(length, size)
      const bytes = expected === 0 ? new Uint8Array(0) : await this.#receiveAll(exchange, expected)
      this.#checkVersion(response, size)
      this.#pin(headers, size)
      return bytes
    })
  }

  /** Finds out the size with a HEAD request. Answers false where the server refuses those or does not tell it. */
  async head(signal: AbortSignal): Promise<boolean> {
    return await this.#attempt(signal, async (exchange, retries) => {
      const response = await this.#send(exchange, "HEAD", undefined, retries)
      if (isTransientStatus(response.status)) throw this.#refused(response)
      const size = response.ok ? contentLength(response.headers) : undefined
      if (size === undefined) return false
      this.#pin(response.headers, size)
      return true
    })
  }

  /** Finds out the size with a request for the first byte. Throws {@link RangesIgnored}, ENOENT, ENOTSUP, EIO. */
  async probe(signal: AbortSignal): Promise<void> {
    await this.#attempt(signal, async (exchange, retries) => {
      const response = await this.#send(exchange, "GET", { start: 0, end: 1 }, retries)
      const { status, headers } = response
      if (status === 200) throw new RangesIgnored()
      const size =
        status === 416
          ? parseUnsatisfiedRange(headers.get("content-range"))
          : parseContentRange(headers.get("content-range"))?.total
      if (status === 404 || status === 410) throw this.#error("ENOENT", `HTTP ${status}`)
      if (status !== 206 && size === undefined) throw this.#refused(response)
      if (size === undefined) {
        throw this.#error("ENOTSUP", "the server does not tell the size of the file, so it must be given")
      }
      this.#pin(headers, size)
    })
  }

  /** Hands the bytes of a range to `sink`. Throws {@link RangesIgnored}, ESTALE, EIO or the signal's reason. */
  async range({ start, end }: ByteRange, sink: Sink, signal: AbortSignal): Promise<void> {
    let at = start
    const pass = (piece: Uint8Array): void => {
      at += piece.length
      sink(piece)
    }
    const progress = (): number => at
    await this.#attempt(
      signal,
      async (exchange, retries) => {
        const response = await this.#send(exchange, "GET", { start: at, end }, retries)
        const length = this.#lengthOfAnswer(response, { start: at, end })
        await this.#receive(exchange, length, pass)
        if (at < end) throw new Transient(this.#error("EIO", `the answer ends ${end - at} bytes early`), 0)
      },
      progress,
    )
  }

  /** The whole file in one request. Throws ESTALE, EIO, ENOMEM or the signal's reason. */
  async whole(signal: AbortSignal): Promise<Uint8Array> {
    return await this.#attempt(signal, async (exchange, retries) => {
      const response = await this.#send(exchange, "GET", undefined, retries)
      if (response.status !== 200) throw this.#refused(response)
      const length = contentLength(response.headers)
      this.#checkVersion(response, length)
      const bytes = await this.#receiveAll(exchange, length ?? this.#size)
      this.#pin(response.headers, bytes.length)
      return bytes
    })
  }

  /**
   * Makes attempts until one succeeds or it is not worth it. Where the answer is about another version than the one
   * that is being read, one more goes past the caches on the way, as they may hold an old one.
   */
  async #attempt<T>(
    signal: AbortSignal,
    action: (exchange: Exchange, cache: RequestCache | undefined) => Promise<T>,
    progress: () => number = () => 0,
  ): Promise<T> {
    const attempts = new Attempts(this.#settings.retry)
    let cache: RequestCache | undefined
    for (;;) {
      if (this.#stale) throw this.#stale
      const before = progress()
      try {
        return await this.#gate.pass(async () => {
          const exchange = new Exchange(signal, this.#settings.timeout)
          try {
            return await action(exchange, cache)
          } finally {
            exchange.end()
          }
        }, signal)
      } catch (error) {
        if (progress() - before >= PROGRESS) attempts.reset()
        if (error instanceof OtherVersion) {
          if (cache === "reload") throw this.#becomeStale(error.message)
          cache = "reload"
        } else await attempts.next(this.#named(error), signal)
      }
    }
  }

  async #send(
    exchange: Exchange,
    method: "GET" | "HEAD",
    range: ByteRange | undefined,
    cache: RequestCache | undefined,
  ): Promise<Response> {
    const { fetch, url, credentials } = this.#settings
    const headers = new Headers(this.#settings.headers)
    if (range) headers.set("range", `bytes=${range.start}-${range.end - 1}`)
    this.counters.requests++
    return await exchange.send(fetch, url, {
      method,
      headers,
      ...(credentials !== undefined && { credentials }),
      ...(cache !== undefined && { cache }),
    })
  }

  /** Bytes that the answer to a range must have. Throws if it is no answer to it. */
  #lengthOfAnswer(response: Response, { start, end }: ByteRange): number {
    const { status, headers } = response
    if (status === 200) {
      if (start !== 0 || end !== this.#size) throw new RangesIgnored()
      this.#checkVersion(response, contentLength(headers))
      return end
    }
    if (status === 416) {
      const size = parseUnsatisfiedRange(headers.get("content-range"))
      if (size !== undefined && size !== this.#size) throw new OtherVersion(`has ${size} bytes`)
    }
    const wasThere = this.#pinned !== undefined
    if (wasThere && (status === 404 || status === 410)) throw new OtherVersion(`is gone: HTTP ${status}`)
    if (status !== 206) throw this.#refused(response)
    const told = parseContentRange(headers.get("content-range"))
    this.#checkVersion(response, told?.total)
    if (isEncoded(headers)) throw this.#error("ENOTSUP", "the server compresses parts of the file")
    // Hidden from pages of other origins. What is there must be the range's beginning.
    if (!told && headers.get("content-range") !== null)
      throw this.#error("EIO", "Content-Range is not understood")
    if (!told && /^multipart\//i.test(headers.get("content-type") ?? "")) {
      throw this.#error("EIO", "the server answers in several parts")
    }
    if (told && (told.start !== start || told.end > end || told.end <= start)) {
      throw this.#error("EIO", `bytes ${start} to ${end} were asked for, ${told.start} to ${told.end} came`)
    }
    return told ? told.end - start : end - start
  }

  /**
   * Passes a body on. The last piece is held back until it is known that nothing comes behind it: a longer answer is
   * none to what was asked.
   */
  async #receive(exchange: Exchange, length: number, sink: Sink): Promise<void> {
    let received = 0
    let held: Uint8Array | undefined
    for (let piece = await exchange.read(); piece; piece = await exchange.read()) {
      this.counters.bytes += piece.length
      received += piece.length
      if (received > length)
        throw this.#error("EIO", `the answer is longer than the ${length} bytes announced`)
      if (held) sink(held)
      held = piece
    }
    if (held) sink(held)
  }

  /** A whole body; `expected` bytes, if that is known. */
  async #receiveAll(exchange: Exchange, expected: number | undefined): Promise<Uint8Array> {
    if (expected !== undefined) {
      const bytes = newBytes(expected)
      let at = 0
      await this.#receive(exchange, expected, (piece) => {
        bytes.set(piece, at)
        at += piece.length
      })
      if (at < expected)
        throw new Transient(this.#error("EIO", `the answer ends ${expected - at} bytes early`))
      return bytes
    }
    const pieces: Uint8Array[] = []
    let length = 0
    await this.#receive(exchange, MAX_WHOLE, (piece) => {
      pieces.push(piece)
      length += piece.length
    })
    const bytes = newBytes(length)
    let at = 0
    for (const piece of pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }

  /** Notes what version is being read; of the first answer that tells. */
  #pin(headers: Headers, size: number): void {
    this.#size ??= size
    this.#pinned ??= validatorOf(headers)
  }

  #checkVersion({ headers }: Response, size: number | undefined): void {
    if (size !== undefined && this.#size !== undefined && size !== this.#size) {
      throw new OtherVersion(`has ${size} bytes instead of ${this.#size}`)
    }
    const found = validatorOf(headers)
    if (!this.#pinned) this.#pinned = found
    else if (isOtherVersion(this.#pinned, found)) throw new OtherVersion("is another version")
  }

  #becomeStale(how: string): ErofsError {
    this.#stale ??= this.#error("ESTALE", `the file has changed while it was being read: it ${how}`)
    return this.#stale
  }

  /** The error for an answer that does not give what was asked for. */
  #refused(response: Response): ErofsError | Transient {
    const { status, statusText, headers } = response
    const error = this.#error("EIO", `HTTP ${status}${statusText ? ` ${statusText}` : ""}`)
    if (!isTransientStatus(status)) return error
    return new Transient(error, parseRetryAfter(headers.get("retry-after"), Date.now()))
  }

  #error(code: "EIO" | "ENOENT" | "ENOTSUP" | "ESTALE", reason: string): ErofsError {
    return new ErofsError(code, `${this.#settings.name}: ${reason}`)
  }

  /** Adds the file's name to what an exchange says. */
  #named(error: unknown): unknown {
    if (!(error instanceof Transient) || error.error.reason.startsWith(this.#settings.name)) return error
    const { code, reason, cause } = error.error
    return new Transient(
      new ErofsError(code, `${this.#settings.name}: ${reason}`, { cause }),
      error.retryAfter,
    )
  }
}

/** Bytes of the file whose first `length` bytes an answer gives; undefined if it does not give them or does not tell. */
function sizeOfBeginning({ status, headers }: Response, length: number): number | undefined {
  if (isEncoded(headers)) return undefined
  const range = headers.get("content-range")
  if (status === 416) return parseUnsatisfiedRange(range) === 0 ? 0 : undefined
  if (status === 200) {
    // Servers that ignore ranges give short files just as well.
    const size = contentLength(headers)
    return size !== undefined && size <= length ? size : undefined
  }
  const told = status === 206 ? parseContentRange(range) : undefined
  if (told?.total === undefined) return undefined
  return told.start === 0 && told.end === Math.min(length, told.total) ? told.total : undefined
}

/** The answer is about another version of the file; the message says how it differs. */
class OtherVersion extends Error {}

/** Bytes of a file of unknown size that is downloaded as a whole, at most. */
const MAX_WHOLE = 2 ** 31

function newBytes(length: number): Uint8Array {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new ErofsError("ENOMEM", `no array of ${length} bytes can be had for the whole file`, { cause })
  }
}
