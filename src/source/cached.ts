// SPDX-License-Identifier: MIT
/** A layer over a source that keeps what was fetched, so that a second visit fetches nothing. */
import xxhash from "xxhash-wasm"
import { ErofsError } from "../errors.js"
import { checkOptions } from "../options.js"
import { type CacheStore, dropWhere } from "./cache-store.js"
import { type CachedSource, CachingReader } from "./caching-reader.js"
import { type HttpOptions, type HttpSource, httpSource, withoutSecrets } from "./http.js"
import type { AsyncSource } from "./source.js"

export type { CachedSource } from "./caching-reader.js"

/** Options of {@link cachedSource}. */
export interface CacheOptions {
  /** What names the source's very bytes, if it cannot tell by itself. */
  identity?: string
}

/**
 * A source that keeps what it fetches in a store, and takes from there what is kept: pages of 4 KiB, bound to the
 * source's identity (for {@link httpSource} the URL with the strong ETag or Last-Modified, and the size). What other
 * versions left behind goes. Damaged and foreign entries are told by length, checksum and identity, and never served. A
 * store that fails costs requests, not answers.
 *
 *     const source = await cachedSource(url, await opfsStore(), { headers })
 *     const image = await pool.mount(source)
 *
 * A URL is opened as {@link httpSource} does, with its options; where anything is kept of it, nothing is asked for but size
 * and version. A source that is open already may have fetched its beginning (option `first`).
 *
 * Throws ENOTSUP if nothing tells versions of the source apart, and for a URL what {@link httpSource} throws.
 */
export async function cachedSource(
  url: string | URL,
  store: CacheStore,
  options?: HttpOptions,
): Promise<CachedSource>
export async function cachedSource(
  source: AsyncSource,
  store: CacheStore,
  options?: CacheOptions,
): Promise<CachedSource>
export async function cachedSource(
  source: AsyncSource | string | URL,
  store: CacheStore,
  options: CacheOptions | HttpOptions = {},
): Promise<CachedSource> {
  const isUrl = typeof source === "string" || source instanceof URL
  if (!isUrl) checkOptions(options, ["identity"])
  const hashes = await xxhash()
  if (!isUrl) return await cached(source, store, options.identity, hashes)
  const opened = await openUrl(String(source), store, options, hashes)
  try {
    return await cached(opened, store, undefined, hashes)
  } catch (error) {
    opened.close()
    throw error
  }
}

type Hashes = Awaited<ReturnType<typeof xxhash>>

/** Opens a URL. Its beginning is not asked for where something is kept of it: most likely that, too. */
async function openUrl(
  url: string,
  store: CacheStore,
  options: HttpOptions,
  { h64ToString }: Hashes,
): Promise<HttpSource> {
  if (options.first !== undefined) return await httpSource(url, options)
  const [place = ""] = (options.identity ?? withoutSecrets(url)).split("\n")
  const entries = await store.list().catch(() => [])
  const isKept = entries.some(({ key }) => key.startsWith(`${h64ToString(place)}.`))
  return await httpSource(url, isKept ? { ...options, first: 0 } : options)
}

/** Puts the layer over a source, and drops what is kept of its other versions. */
async function cached(
  source: AsyncSource,
  store: CacheStore,
  given: string | undefined,
  { h64Raw, h64ToString }: Hashes,
): Promise<CachedSource> {
  const identity = given ?? source.identity
  if (identity === undefined) {
    const name = source.name ?? "the source"
    throw new ErofsError(
      "ENOTSUP",
      `${name} tells no version, so that what is kept of it might be of another`,
    )
  }
  const [place = ""] = identity.split("\n")
  const prefixes = {
    place: `${h64ToString(place)}.`,
    version: `${h64ToString(place)}.${h64ToString(identity)}.`,
  }
  await dropWhere(store, (key) => key.startsWith(prefixes.place) && !key.startsWith(prefixes.version))
  return new CachingReader(source, store, identity, prefixes.version, (bytes) => h64Raw(bytes))
}
