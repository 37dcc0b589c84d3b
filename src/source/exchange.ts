// SPDX-License-Identifier: MIT
import { ErofsError, isErofsError } from "../errors.js"
import { Transient } from "./retry.js"

/** What `fetch` is to the sources here: the platform's own, or something that signs, counts or redirects requests. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>

/** Bytes that a server must bring within each span of patience. */
const PROGRESS = 64 << 10

/**
 * One request and its answer. It ends when the signal is aborted, and when the server takes longer than `timeout`
 * milliseconds to begin the answer, or for 64 KiB of its body.
 */
export class Exchange {
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal
  readonly #timeout: number
  readonly #interrupted: Promise<never>
  #timer: ReturnType<typeof setTimeout> | undefined
  #sinceTouch = 0
  #response: Response | undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #onAbort = (): void => this.#controller.abort(this.#signal.reason)

  constructor(signal: AbortSignal, timeout: number) {
    this.#signal = signal
    this.#timeout = timeout
    if (signal.aborted) this.#onAbort()
    signal.addEventListener("abort", this.#onAbort, { once: true })
    const inner = this.#controller.signal
    this.#interrupted = new Promise((_, reject) => {
      const onInterrupt = (): void => reject(inner.reason)
      if (inner.aborted) onInterrupt()
      else inner.addEventListener("abort", onInterrupt, { once: true })
    })
    // Whoever waits is told; if nobody does, that is no defect.
    this.#interrupted.catch(() => {})
    this.#touch()
  }

  /** Sends the request. Throws {@link Transient} if no answer begins, the signal's reason if it is aborted. */
  async send(fetch: FetchFunction, url: string, init: RequestInit): Promise<Response> {
    try {
      const answer = fetch(url, { ...init, signal: this.#controller.signal })
      // An answer that comes after the interruption is thrown away, whatever the given fetch makes of the signal.
      answer.then(
        (late) => this.#controller.signal.aborted && late !== this.#response && cancel(late),
        () => {},
      )
      this.#response = await Promise.race([answer, this.#interrupted])
    } catch (error) {
      throw this.#failure(error)
    }
    this.#touch()
    return this.#response
  }

  /** The next piece of the body; undefined at its end. Throws as {@link send} does. */
  async read(): Promise<Uint8Array | undefined> {
    const body = this.#response?.body
    if (!body) return undefined
    let step: Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>
    try {
      this.#reader ??= body.getReader()
      step = await Promise.race([this.#reader.read(), this.#interrupted])
    } catch (error) {
      throw this.#failure(error)
    }
    this.#sinceTouch += step.value?.length ?? 0
    if (this.#sinceTouch >= PROGRESS) this.#touch()
    return step.done ? undefined : step.value
  }

  /** Ends the exchange; what of the body has not been read is not transferred any more. */
  end(): void {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener("abort", this.#onAbort)
    if (this.#reader) this.#reader.cancel().catch(() => {})
    else if (this.#response) cancel(this.#response)
  }

  #touch(): void {
    this.#sinceTouch = 0
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const reason = `the server kept silent or slow for ${this.#timeout} ms`
      this.#controller.abort(new Transient(new ErofsError("EIO", reason)))
    }, this.#timeout)
  }

  /** What to throw for an error of fetch. */
  #failure(error: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason
    const { signal } = this.#controller
    if (signal.aborted) return signal.reason
    // A fetch of the caller's own may know better what is wrong.
    if (isErofsError(error)) return error
    const failure = new ErofsError("EIO", `no answer: ${reasonOf(error)}`, { cause: error })
    return isHopeless(error) ? failure : new Transient(failure)
  }
}

function cancel(response: Response): void {
  response.body?.cancel().catch(() => {})
}

/** Node's fetch says "fetch failed" and gives the reason as the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message
}

/** Codes of network errors that will be the same the next time. */
const HOPELESS = /^(ENOTFOUND|ERR_INVALID_URL|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

function isHopeless(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  return typeof code === "string" && HOPELESS.test(code)
}
