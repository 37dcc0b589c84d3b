// SPDX-License-Identifier: MIT
/** A file on a web server or in an object store, read by ranges. */
import { ErofsError } from "../errors.js"
import { type Abortable, checkOptions } from "../options.js"
import { Ahead } from "./ahead.js"
import { Coalescer } from "./coalesce.js"
import type { FetchFunction } from "./exchange.js"
import { HttpRequests, RangesIgnored } from "./http-requests.js"
import type { AsyncSource, SourceStats } from "./source.js"
import { WholeFile } from "./whole.js"

/** Options of {@link httpSource}. */
export interface HttpOptions extends Abortable {
  /** Makes the requests: for signing, tokens, proxies. Default: the platform's own `fetch`. */
  fetch?: FetchFunction
  /** Sent with every request. `Range` is set here, and not to be given. */
  headers?: HeadersInit
  /** Whether browsers send cookies to other origins; as in `fetch`. */
  credentials?: RequestCredentials
  /** Bytes of the file, if they are known: nothing is asked of the server then before the first read. */
  size?: number
  /**
   * Bytes from the beginning that are asked for when the file is opened: they are needed in any case, and the answer tells
   * the size, so that a request of its own is spared. They stay in memory. With 0 only the size is asked for, by HEAD: for
   * files whose beginning somebody else has, as {@link cachedSource} may. Default: as much as `granularity`.
   */
  first?: number
  /**
   * What names these very bytes, for {@link cachedSource}, where the caller knows it: a digest. Default: the URL with the
   * version that the server tells.
   */
  identity?: string
  /**
   * What to do with a server that answers every request with the whole file: with true, download it once and keep it in
   * memory. Default false: reading throws ENOTSUP.
   */
  whole?: boolean
  /** Requests at a time; default 6. */
  concurrency?: number
  /** Bytes that may lie between two ranges that are fetched in one request; default 4 KiB. */
  gap?: number
  /** Bytes of one request, at most; default 4 MiB. */
  maxRequest?: number
  /**
   * Bytes that cost about as much time as one more request; default 64 KiB. That much of the metadata is read at once
   * where it pays.
   */
  granularity?: number
  /** Failures in a row that are put up with where trying again may help; default 4. */
  retries?: number
  /** Milliseconds before the first new attempt; default 250. They double, up to 10 s; Retry-After is honoured up to 60 s. */
  retryDelay?: number
  /** Milliseconds that the server may take to begin an answer, and for each 64 KiB of it; default 30,000. */
  timeout?: number
}

/** A remote file. */
export interface HttpSource extends AsyncSource {
  readonly url: string
  readonly name: string
  stats(): SourceStats
  close(): void
}

const KNOWN = [
  "fetch",
  "headers",
  "credentials",
  "size",
  "first",
  "identity",
  "whole",
  "concurrency",
  "gap",
  "maxRequest",
  "granularity",
  "retries",
  "retryDelay",
  "timeout",
  "signal",
] as const

/**
 * Opens a file on a web server, to be read by ranges. Asks for its beginning, unless the size is given, and learns the size
 * from the answer; where the server does not tell it so, with HEAD, and where that is refused with a request for the first
 * byte. Works in browsers (across origins the server must allow it, see docs/hosting.md), Node, Deno and Bun.
 *
 *     const image = await pool.mount(await httpSource("https://example.org/rootfs.erofs"))
 *
 * Ranges asked for at the same time are fetched together where that saves requests. A file that changes while it is read
 * (another strong ETag, Last-Modified or size) is ESTALE from then on, and the pool drops its pages.
 *
 * Throws ENOENT for a file that is not there, ENOTSUP for a server that ignores ranges or does not tell the size, EIO for
 * anything else that goes wrong, the signal's reason when it is aborted.
 */
export async function httpSource(url: string | URL, options: HttpOptions = {}): Promise<HttpSource> {
  checkOptions(options, KNOWN)
  const source = new RemoteFile(String(url), options)
  await source.open(options.signal)
  return source
}

/** A remote file that is being read. */
class RemoteFile implements HttpSource {
  readonly url: string
  readonly name: string
  readonly granularity: number
  readonly isRemote = true
  readonly #requests: HttpRequests
  readonly #coalescer: Coalescer
  readonly #mayBeWhole: boolean
  readonly #ahead: Ahead
  readonly #closing = new AbortController()
  readonly #identity: string | undefined
  #whole: WholeFile | undefined
  /** The file's beginning, if it was asked for when the file was opened. */
  #beginning: Uint8Array = new Uint8Array(0)
  readonly #first: number
  size: number

  constructor(url: string, options: HttpOptions) {
    this.url = url
    this.name = nameOf(url)
    const number = (name: keyof HttpOptions, least: number, fallback: number): number =>
      wholeNumber(name, options[name], least) ?? fallback
    this.granularity = number("granularity", 1, 64 << 10)
    this.#first = number("first", 0, this.granularity)
    const size = wholeNumber("size", options.size, 0)
    this.size = size ?? 0
    this.#identity = options.identity
    this.#mayBeWhole = options.whole ?? false
    this.#requests = new HttpRequests(
      {
        url,
        name: this.name,
        fetch: options.fetch ?? ((input, init) => fetch(input, init)),
        headers: new Headers(options.headers),
        credentials: options.credentials,
        concurrency: number("concurrency", 1, 6),
        timeout: number("timeout", 1, 30_000),
        retry: { retries: number("retries", 0, 4), delay: number("retryDelay", 0, 250) },
      },
      size,
    )
    const limits = { gap: number("gap", 0, 4 << 10), max: number("maxRequest", 1, 4 << 20) }
    this.#coalescer = new Coalescer((range, sink, signal) => this.#fetch(range, sink, signal), limits)
    this.#ahead = new Ahead((target, offset, signal) => this.#coalescer.read(target, offset, signal))
  }

  /** What names these very bytes: the URL, the version and the size. */
  get identity(): string | undefined {
    if (this.#identity !== undefined) return this.#identity
    const { etag, lastModified } = this.#requests.validator ?? {}
    const version = etag ?? lastModified
    return version === undefined ? undefined : [withoutSecrets(this.url), version, this.size].join("\n")
  }

  /** Finds out the size, unless it is known. */
  async open(given: AbortSignal | undefined): Promise<void> {
    const signal = given ?? this.#closing.signal
    signal.throwIfAborted()
    if (this.#requests.size === undefined) await this.#findSize(signal)
    this.size = this.#requests.size as number
  }

  async #findSize(signal: AbortSignal): Promise<void> {
    const beginning = this.#first > 0 ? await this.#requests.beginning(this.#first, signal) : undefined
    if (beginning) this.#beginning = beginning
    else if (!(await this.#requests.head(signal))) await this.#probe(signal)
  }

  async #probe(signal: AbortSignal): Promise<void> {
    try {
      await this.#requests.probe(signal)
    } catch (error) {
      if (!(error instanceof RangesIgnored)) throw error
      await this.#readWhole(signal)
    }
  }

  async read(
    target: Uint8Array,
    offset: number,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<number> {
    if (this.#closing.signal.aborted) throw new ErofsError("EBADF", `${this.name} is closed`)
    const part = target.subarray(0, Math.max(0, this.size - offset))
    signal?.throwIfAborted()
    const known = this.#requests.isStale ? 0 : await this.#readKnown(part, offset, signal)
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason
    return known + (await this.#coalescer.read(part.subarray(known), offset + known, signal))
  }

  /** Copies bytes from `offset` on that need not be asked for any more. Answers how many. */
  async #readKnown(target: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<number> {
    const beginning = this.#beginning.subarray(offset, offset + target.length)
    target.set(beginning)
    const count = beginning.length
    const rest = target.subarray(count)
    return rest.length === 0 ? count : count + (await this.#ahead.read(rest, offset + count, signal))
  }

  expect(offset: number, length: number, { signal }: { signal?: AbortSignal | undefined } = {}): void {
    if (this.#closing.signal.aborted || this.#whole) return
    const end = Math.min(this.size, offset + length)
    const start = Math.max(offset, this.#beginning.length)
    if (end > start) this.#ahead.expect(start, end, signal)
  }

  stats(): SourceStats {
    return { ...this.#requests.counters }
  }

  /** Stops all requests. */
  close(): void {
    this.#closing.abort(new ErofsError("EBADF", `${this.name} is closed`))
    this.#coalescer.close(this.#closing.signal.reason)
    this.#ahead.close()
    this.#whole = undefined
  }

  async #fetch(
    range: { start: number; end: number },
    sink: (piece: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#whole) {
      try {
        return await this.#requests.range(range, sink, signal)
      } catch (error) {
        if (!(error instanceof RangesIgnored)) throw error
      }
    }
    const bytes = await this.#readWhole(signal)
    sink(bytes.subarray(range.start, range.end))
  }

  /** The whole file, downloaded once. */
  async #readWhole(signal: AbortSignal): Promise<Uint8Array> {
    if (!this.#mayBeWhole) {
      const reason = "the server ignores ranges; the option 'whole' downloads the file once instead"
      throw new ErofsError("ENOTSUP", `${this.name}: ${reason}`)
    }
    this.#whole ??= new WholeFile((until) => this.#requests.whole(until))
    return await this.#whole.bytes(signal)
  }
}

/** The value of an option. Throws EINVAL unless it is a whole number that is large enough. */
function wholeNumber(name: string, value: unknown, least: number): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value
  throw new ErofsError("EINVAL", `option '${name}' is a whole number from ${least} on, not ${String(value)}`)
}

/** A URL without user and password, and without what only browsers look at. */
export function withoutSecrets(url: string): string {
  return url.replace(/#.*$/s, "").replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#@]*@/i, "$1")
}

/** For messages: signed URLs carry their secrets behind the question mark. */
function nameOf(url: string): string {
  return withoutSecrets(url).replace(/\?.*$/s, "")
}
