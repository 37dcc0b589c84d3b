// SPDX-License-Identifier: MIT
/** Who we are to a registry: the credentials themselves, or tokens that are given for them. */
import { ErofsError } from "../errors.js"
import { type Challenge, parseChallenges } from "./challenge.js"
import { type DocumentSettings, fetchDocument, parseObject } from "./document.js"
import { originOf, type RedirectingClient } from "./redirects.js"

/** A user of a registry. */
export interface RegistryCredentials {
  username: string
  password: string
}

/** Bytes of a token with what is told about it, at most. */
const MAX_TOKEN = 256 << 10
/** Seconds that a token is good for if nothing else is said, as registries have it. */
const DEFAULT_LIFE = 60
/** Milliseconds before its end from which on a token is not used any more, but for at most half of its life. */
const MARGIN = 10_000

/** Gets, keeps and renews what goes into the header `Authorization`. */
export class Authorization {
  readonly #client: RedirectingClient
  readonly #credentials: RegistryCredentials | undefined
  readonly #home: string
  readonly #scope: string
  readonly #settings: DocumentSettings
  readonly #signal: AbortSignal
  #challenge: Challenge | undefined
  #header: string | undefined
  #expires = Number.POSITIVE_INFINITY
  #renewal: Promise<string> | undefined

  /** `home`: a URL of the registry. `repository`: what is to be pulled. `signal`: until when anything may be fetched. */
  constructor(
    client: RedirectingClient,
    {
      credentials,
      home,
      repository,
      signal,
      settings,
    }: {
      credentials: RegistryCredentials | undefined
      home: string
      repository: string
      signal: AbortSignal
      settings: DocumentSettings
    },
  ) {
    this.#client = client
    this.#credentials = credentials
    this.#home = home
    this.#scope = `repository:${repository}:pull`
    this.#settings = settings
    this.#signal = signal
  }

  /** The header for the next request; undefined as long as the registry has not asked for one. */
  async current(): Promise<string | undefined> {
    if (this.#header === undefined || Date.now() < this.#expires) return this.#header
    return await this.#renew()
  }

  /**
   * The header to try again with, after the registry has refused a request that carried `refused`. Throws EACCES if
   * there is none.
   */
  async after(refused: string | undefined, response: Response): Promise<string> {
    // Another request may have met the same answer, and brought a new one.
    if (this.#header !== undefined && this.#header !== refused) return this.#header
    const challenges = parseChallenges(response.headers.get("www-authenticate"))
    const find = (scheme: string): Challenge | undefined => challenges.find((one) => one.scheme === scheme)
    this.#challenge = find("bearer") ?? find("basic")
    if (!this.#challenge) {
      throw denied("the registry wants to know who asks, but not in a way that is known here (Bearer, Basic)")
    }
    return await this.#renew()
  }

  /** Renews the header, once for all who wait for it. */
  #renew(): Promise<string> {
    this.#renewal ??= this.#fetch().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  async #fetch(): Promise<string> {
    const { scheme, parameters } = this.#challenge as Challenge
    this.#header = scheme === "basic" ? this.#basic(this.#home) : await this.#token(parameters)
    return this.#header
  }

  #basic(to: string): string {
    if (!this.#credentials) throw denied("the registry asks for a user and a password")
    const { protocol, hostname } = new URL(to)
    if (protocol === "http:" && !isLoopback(hostname)) {
      throw denied(`credentials are not sent to ${hostname} over plain HTTP`)
    }
    const { username, password } = this.#credentials
    const bytes = new TextEncoder().encode(`${username}:${password}`)
    return `Basic ${btoa(String.fromCharCode(...bytes))}`
  }

  async #token(parameters: ReadonlyMap<string, string>): Promise<string> {
    const url = this.#realm(parameters)
    const secrets = new Headers(this.#credentials && { authorization: this.#basic(url) })
    const what = `token of ${originOf(url)}`
    const document = await fetchDocument(
      async (at, init) => (await this.#client.send(at, init, secrets, url)).response,
      url,
      { headers: { accept: "application/json" } },
      { what, limit: MAX_TOKEN, signal: this.#signal },
      this.#settings,
    )
    if (document.status === 401 || document.status === 403) {
      throw denied(`${originOf(url)} gives no token: HTTP ${document.status}`)
    }
    if (document.status !== 200) throw new ErofsError("EIO", `${what}: HTTP ${document.status}`)
    const answer = parseObject(document, what)
    const token = answer.token ?? answer.access_token
    // As a header may hold it.
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
      throw new ErofsError("EIO", `${what} is not there`)
    }
    const seconds = Number(answer.expires_in)
    const life = (seconds > 0 ? seconds : DEFAULT_LIFE) * 1000
    this.#expires = Date.now() + life - Math.min(MARGIN, life / 2)
    return `Bearer ${token}`
  }

  /** Where tokens are given, with what is asked for. */
  #realm(parameters: ReadonlyMap<string, string>): string {
    const realm = parameters.get("realm") ?? ""
    const url = URL.canParse(realm) ? new URL(realm) : undefined
    const isSafe = url?.protocol === "https:" || new URL(this.#home).protocol === "http:"
    if (!url || !/^https?:$/.test(url.protocol) || !isSafe || url.username || url.password) {
      throw new ErofsError("EIO", "the registry sends to no safe place for tokens")
    }
    const service = parameters.get("service")
    if (service !== undefined) url.searchParams.set("service", service)
    for (const scope of scopesOf(parameters.get("scope") ?? this.#scope))
      url.searchParams.append("scope", scope)
    return url.href
  }
}

/** Scopes, with no more than leave to pull. */
function scopesOf(scopes: string): string[] {
  return scopes
    .split(" ")
    .filter(Boolean)
    .map((scope) => scope.replace(/^(repository:.*):[^:]*$/, "$1:pull"))
}

/** Whether a host is this machine. */
function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

function denied(reason: string): ErofsError {
  return new ErofsError("EACCES", reason)
}
