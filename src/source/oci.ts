// SPDX-License-Identifier: MIT
/** An image in a container registry. */
import { ErofsError, isErofsError } from "../errors.js"
import { type Abortable, checkOptions } from "../options.js"
import type { FetchFunction } from "./exchange.js"
import { type HttpOptions, type HttpSource, httpSource } from "./http.js"
import { chooseLayer, chooseManifest, MEDIA_TYPES, type OciLayer } from "./oci-manifest.js"
import { formatOciReference, type OciReference, parseOciReference } from "./oci-reference.js"
import { Registry } from "./registry.js"
import type { SourceStats } from "./source.js"
import type { RegistryCredentials } from "./token.js"

export type { OciLayer } from "./oci-manifest.js"

/** Options of {@link httpSource} that are passed on. */
const PASSED = [
  "concurrency",
  "gap",
  "maxRequest",
  "granularity",
  "retries",
  "retryDelay",
  "timeout",
] as const

/** Options of {@link ociSource}. */
export interface OciOptions extends Abortable, Pick<HttpOptions, (typeof PASSED)[number]> {
  /** Makes the requests. Redirects are followed here. Default: the platform's own `fetch`. */
  fetch?: FetchFunction
  /** Sent to the registry with every request, and to no other server. */
  headers?: HeadersInit
  /** Who asks, where the registry wants to know; sent to it, or to the place for tokens that it names, over HTTPS. */
  credentials?: RegistryCredentials
  /** Which manifest of an index: `linux/amd64`, `linux/arm/v7`. Default: the only one. */
  platform?: string
  /** Which layer: its number in the manifest, or its digest; as `#LAYER` in the reference. Default: the only EROFS one. */
  layer?: number | string
  /** Ask over HTTP: for registries on this machine. Credentials are sent to no others that way. */
  plainHttp?: boolean
}

/** A layer in a registry. */
export interface OciSource extends HttpSource {
  /** The reference with which this very layer is found again: with the digest of the manifest. */
  readonly reference: string
  readonly layer: Readonly<OciLayer>
}

/** Indexes in indexes that are followed. */
const MAX_DEPTH = 4

/**
 * Opens the EROFS layer (`application/vnd.erofs` or `application/vnd.erofs.layer.v1`) of an image in a registry, to be
 * read by ranges: nothing is downloaded as a whole.
 *
 *     const image = await pool.mount(await ociSource("oci://registry.example.org/team/app:1.2"))
 *
 * References are `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:...`, with `#LAYER` if the manifest has several EROFS
 * layers. Manifests are verified by their digests. Parts of the layer cannot be: who does not trust the registry's
 * storage compares what is read with digests of his own. Tokens are fetched, and renewed, as the registry asks for it.
 *
 * Throws EINVAL for a reference that is none, an index without the platform, a manifest without such a layer or with
 * several; ENOENT for what is not there; EACCES for what may not be had; EUCLEAN for a manifest that is not what its
 * digest names; else as {@link httpSource}.
 */
export async function ociSource(reference: string, options: OciOptions = {}): Promise<OciSource> {
  checkOptions(options, [
    ...PASSED,
    "fetch",
    "headers",
    "credentials",
    "platform",
    "layer",
    "plainHttp",
    "signal",
  ])
  options.signal?.throwIfAborted()
  const parsed = parseOciReference(reference)
  const closing = new AbortController()
  const registry = registryOf(parsed, options, closing.signal)
  try {
    const { digest, manifest } = await findManifest(registry, parsed, options, closing.signal)
    const wanted = options.layer === undefined ? parsed.layer : String(options.layer)
    const layer = chooseLayer(manifest, wanted)
    const passed = Object.fromEntries(PASSED.map((name) => [name, options[name]]))
    const blob = await httpSource(registry.blobUrl(layer.digest), {
      ...passed,
      fetch: registry.fetchBlob,
      size: layer.size,
      identity: layer.digest,
    })
    return new RegistryLayer(formatOciReference({ ...parsed, version: digest, layer: wanted }), layer, {
      blob,
      registry,
      closing,
    })
  } catch (error) {
    closing.abort(error)
    throw named(error, formatOciReference(parsed))
  }
}

function registryOf({ host, name }: OciReference, options: OciOptions, signal: AbortSignal): Registry {
  const base = `${options.plainHttp ? "http" : "https"}://${host}`
  if (!URL.canParse(base)) throw new ErofsError("EINVAL", `'${host}' is no host`)
  return new Registry({
    base,
    repository: name,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    headers: new Headers(options.headers),
    credentials: options.credentials,
    signal,
    timeout: options.timeout ?? 30_000,
    retry: { retries: options.retries ?? 4, delay: options.retryDelay ?? 250 },
  })
}

/** The manifest that is meant, by way of indexes if need be. */
async function findManifest(
  registry: Registry,
  { version }: OciReference,
  { platform, signal }: OciOptions,
  closing: AbortSignal,
): Promise<{ digest: string; manifest: Record<string, unknown> }> {
  let next = version
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const found = await registry.manifest(next, MEDIA_TYPES, signal ?? closing)
    const chosen = chooseManifest(found.manifest, platform)
    if (chosen === undefined) return found
    next = chosen
  }
  throw new ErofsError("EUCLEAN", `indexes lie within each other more than ${MAX_DEPTH} deep`)
}

/** Says which image an error is about. */
function named(error: unknown, reference: string): unknown {
  if (!isErofsError(error) || error.reason.includes(reference)) return error
  return new ErofsError(error.code, `${reference}: ${error.reason}`, { cause: error })
}

/** A layer that is being read. */
class RegistryLayer implements OciSource {
  readonly reference: string
  readonly name: string
  readonly layer: Readonly<OciLayer>
  readonly granularity?: number
  readonly isRemote = true
  readonly #blob: HttpSource
  readonly #registry: Registry
  readonly #closing: AbortController

  constructor(
    reference: string,
    layer: OciLayer,
    { blob, registry, closing }: { blob: HttpSource; registry: Registry; closing: AbortController },
  ) {
    this.reference = reference
    this.name = reference
    this.layer = layer
    if (blob.granularity !== undefined) this.granularity = blob.granularity
    this.#blob = blob
    this.#registry = registry
    this.#closing = closing
  }

  get size(): number {
    return this.#blob.size
  }

  get url(): string {
    return this.#blob.url
  }

  get identity(): string | undefined {
    return this.#blob.identity
  }

  read(
    target: Uint8Array,
    offset: number,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<number> {
    return this.#blob.read(target, offset, options)
  }

  expect(offset: number, length: number, options: { signal?: AbortSignal | undefined } = {}): void {
    this.#blob.expect?.(offset, length, options)
  }

  /** Requests for manifests and tokens, and those that were redirected, are counted too. */
  stats(): SourceStats {
    const { requests, bytes } = this.#registry.counters
    return { requests, bytes: bytes + this.#blob.stats().bytes }
  }

  close(): void {
    this.#blob.close()
    this.#closing.abort(new ErofsError("EBADF", `${this.name} is closed`))
  }
}
