// SPDX-License-Identifier: MIT
/** Requests that follow redirects themselves, so that what is meant for one server is told to no other. */
import { ErofsError } from "../errors.js"
import type { FetchFunction } from "./exchange.js"

const REDIRECTS = [301, 302, 303, 307, 308]
const MAX_REDIRECTS = 5

/** An answer and the URL that gave it in the end. */
export interface FinalAnswer {
  response: Response
  url: string
}

/** Sends GET and HEAD requests; see {@link send}. */
export class RedirectingClient {
  readonly #fetch: FetchFunction
  readonly #onRequest: () => void
  /** Browsers do not show where a redirect leads. They take `Authorization` off themselves on the way to other origins. */
  #isOpaque = false

  /** `onRequest` is told of each request that is sent. */
  constructor(fetch: FetchFunction, onRequest: () => void) {
    this.#fetch = fetch
    this.#onRequest = onRequest
  }

  /**
   * Sends a request; the headers `secrets` go to the origin of `home` and no other. Throws EIO for too many redirects,
   * or one away from HTTPS.
   */
  async send(url: string, init: RequestInit, secrets: Headers, home: string): Promise<FinalAnswer> {
    let at = url
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const headers = new Headers(init.headers)
      if (originOf(at) === originOf(home)) for (const [name, value] of secrets) headers.set(name, value)
      const response = await this.#request(at, { ...init, headers })
      const location = REDIRECTS.includes(response.status) ? response.headers.get("location") : null
      if (location === null) return { response, url: response.redirected ? response.url : at }
      response.body?.cancel().catch(() => {})
      at = targetOf(location, at)
    }
    throw new ErofsError("EIO", `more than ${MAX_REDIRECTS} redirects, the last one to ${originOf(at)}`)
  }

  async #request(url: string, init: RequestInit): Promise<Response> {
    this.#onRequest()
    if (this.#isOpaque) return await this.#fetch(url, init)
    const response = await this.#fetch(url, { ...init, redirect: "manual" })
    if (response.type !== "opaqueredirect") return response
    this.#isOpaque = true
    return await this.#request(url, init)
  }
}

/** Where a redirect leads. Throws EIO where that is no URL of the web, or plain HTTP instead of HTTPS. */
function targetOf(location: string, from: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : undefined
  const isWeb = target?.protocol === "https:" || target?.protocol === "http:"
  if (!target || !isWeb) throw new ErofsError("EIO", `redirect to something else than a web server`)
  if (target.protocol === "http:" && new URL(from).protocol === "https:") {
    throw new ErofsError("EIO", `redirect from HTTPS to plain HTTP at ${target.host}`)
  }
  return target.href
}

/** Scheme, host and port of a URL. */
export function originOf(url: string): string {
  return new URL(url).origin
}
