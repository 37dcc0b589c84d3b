// SPDX-License-Identifier: MIT
/** What is asked of a registry about one repository: manifests by tag or digest, and parts of blobs. */
import { ErofsError } from "../errors.js"
import { digestOf, hasDigest } from "./digest.js"
import { type Document, type DocumentSettings, fetchDocument, isObject, parseObject } from "./document.js"
import type { FetchFunction } from "./exchange.js"
import { isDigest } from "./oci-reference.js"
import { originOf, RedirectingClient } from "./redirects.js"
import { Authorization, type RegistryCredentials } from "./token.js"

/** How a registry is asked. */
export interface RegistrySettings extends DocumentSettings {
  /** `https://HOST` or, for registries that have no certificate, `http://HOST`. */
  base: string
  /** Name of the repository. */
  repository: string
  fetch: FetchFunction
  /** Sent to the registry, and to nobody else. */
  headers: Headers
  credentials: RegistryCredentials | undefined
  /** Until when anything may be fetched. */
  signal: AbortSignal
}

/** Bytes of a manifest, at most: what registries accept. */
const MAX_MANIFEST = 4 << 20
/** Statuses of a storage that does not know us any more: the address that the registry gave has expired. */
const EXPIRED = [400, 401, 403, 404, 410]

/** A registry, as far as one repository goes. */
export class Registry {
  readonly #settings: RegistrySettings
  readonly #client: RedirectingClient
  readonly #authorization: Authorization
  /** Where blobs were found to lie, by their URLs at the registry. */
  readonly #places = new Map<string, string>()
  /** Requests that were sent, and bytes of documents that came. */
  readonly counters = { requests: 0, bytes: 0 }

  constructor(settings: RegistrySettings) {
    const { base, repository, credentials, signal } = settings
    this.#settings = settings
    this.#client = new RedirectingClient(settings.fetch, () => {
      this.counters.requests++
    })
    this.#authorization = new Authorization(this.#client, {
      credentials,
      home: base,
      repository,
      signal,
      settings,
    })
  }

  /** The URL of a blob at the registry; for {@link fetchBlob}. */
  blobUrl(digest: string): string {
    return this.#url("blobs", digest)
  }

  /**
   * A manifest or index by tag or digest, and its digest, which has been verified. Throws ENOENT, EACCES, EIO; EUCLEAN
   * if it is not what the digest names.
   */
  async manifest(
    version: string,
    mediaTypes: readonly string[],
    signal: AbortSignal,
  ): Promise<{ digest: string; manifest: Record<string, unknown> }> {
    const what = `manifest ${version}`
    const document = await fetchDocument(
      async (url, init) => (await this.#authorized(url, init)).response,
      this.#url("manifests", version),
      { headers: { accept: mediaTypes.join(", ") } },
      { what, limit: MAX_MANIFEST, signal },
      this.#settings,
    )
    this.counters.bytes += document.bytes.length
    if (document.status !== 200) throw refusal(document, what)
    // What the registry says of a tag is a claim, but it may as well keep to it.
    const claimed = document.headers.get("docker-content-digest")
    const named = isDigest(version) ? version : isDigest(claimed) ? claimed : undefined
    if (named !== undefined && !(await hasDigest(document.bytes, named))) {
      throw new ErofsError("EUCLEAN", `${what} has another digest than ${named}`)
    }
    return { digest: named ?? (await digestOf(document.bytes)), manifest: parseObject(document, what) }
  }

  /**
   * Fetches from a blob, as `fetch` does. Registries send to storage elsewhere: it is asked directly from then on,
   * until it does not answer any more.
   */
  readonly fetchBlob: FetchFunction = async (url, init) => {
    const place = this.#places.get(url)
    if (place !== undefined) {
      const { response } = await this.#client.send(place, init, new Headers(), place)
      if (!EXPIRED.includes(response.status)) return response
      response.body?.cancel().catch(() => {})
      if (this.#places.get(url) === place) this.#places.delete(url)
    }
    const { response, url: found } = await this.#authorized(url, init)
    if (response.ok && found !== url) this.#places.set(url, found)
    return response
  }

  /** Sends a request, and once more if the registry asks who we are. Throws EACCES if that does not help. */
  async #authorized(url: string, init: RequestInit): Promise<{ response: Response; url: string }> {
    const header = await this.#authorization.current()
    const first = await this.#client.send(url, init, this.#secrets(header), url)
    // Only the registry itself may ask who we are, not whoever it sends to.
    if (first.response.status !== 401 || originOf(first.url) !== originOf(url)) return first
    first.response.body?.cancel().catch(() => {})
    const renewed = await this.#authorization.after(header, first.response)
    const second = await this.#client.send(url, init, this.#secrets(renewed), url)
    if (second.response.status !== 401) return second
    second.response.body?.cancel().catch(() => {})
    throw new ErofsError(
      "EACCES",
      "the registry does not accept the credentials, or gives no access with them",
    )
  }

  #secrets(authorization: string | undefined): Headers {
    const headers = new Headers(this.#settings.headers)
    if (authorization !== undefined) headers.set("authorization", authorization)
    return headers
  }

  #url(kind: "manifests" | "blobs", version: string): string {
    const { base, repository } = this.#settings
    return `${base}/v2/${repository}/${kind}/${version}`
  }
}

/** The error for an answer without a manifest, with the code that the registry gives if it gives one. */
function refusal(document: Document, what: string): ErofsError {
  const { status } = document
  const code = registryCode(document)
  const reason = `${what}: HTTP ${status}${code === undefined ? "" : ` ${code}`}`
  if (status === 404) return new ErofsError("ENOENT", reason)
  return new ErofsError(status === 403 ? "EACCES" : "EIO", reason)
}

function registryCode(document: Document): string | undefined {
  try {
    const { errors } = parseObject(document, "error")
    const [first] = Array.isArray(errors) ? (errors as unknown[]) : []
    const code = isObject(first) ? first.code : undefined
    return typeof code === "string" && /^[A-Z_]{1,60}$/.test(code) ? code : undefined
  } catch {
    return undefined
  }
}
