// SPDX-License-Identifier: MIT
/** Where fetched bytes are kept: by keys, up to a number of bytes. */
import { ErofsError } from "../errors.js"

/**
 * Keeps byte strings under keys of the form {@link isCacheKey} knows. Whatever fails may throw: it is as if nothing were
 * kept. Other things in the same place are left alone.
 */
export interface CacheStore {
  /** What is kept, in the order of its use or of its being written: what can best be missed first. */
  list(): Promise<CacheEntry[]>
  /** The bytes, in ordinary memory; undefined if they are not kept. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /** Keeps bytes, instead of others under the same key: completely or not at all. */
  set(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** Lets bytes go, if they are there. */
  delete(key: string): Promise<void>
}

/** One thing that is kept. */
export interface CacheEntry {
  key: string
  bytes: number
}

/** Whether a key is one of ours: hash of the place, hash of the version, number of the block. */
export function isCacheKey(key: string): boolean {
  return /^[\da-f]{16}\.[\da-f]{16}\.\d{1,13}$/.test(key)
}

/** Lets entries of a store go, as far as it can. */
export async function dropWhere(store: CacheStore, isUnwanted: (key: string) => boolean): Promise<void> {
  try {
    for (const { key } of await store.list()) if (isUnwanted(key)) await store.delete(key)
  } catch {
    // What cannot be dropped is told apart by its identity.
  }
}

/** Bounds a store: what has not been used for longest makes room. */
export class BoundedStore implements CacheStore {
  readonly #store: CacheStore
  readonly #limit: number
  /** Bytes by key, what can best be missed first. */
  #entries: Promise<Map<string, number>> | undefined
  #total = 0

  /** `limit`: bytes that are kept, at most. Throws EINVAL unless it is a whole number. */
  constructor(store: CacheStore, limit: number) {
    if (!Number.isSafeInteger(limit) || limit < 0) {
      throw new ErofsError("EINVAL", `a cache of ${limit} bytes`)
    }
    this.#store = store
    this.#limit = limit
  }

  async list(): Promise<CacheEntry[]> {
    return [...(await this.#known())].map(([key, bytes]) => ({ key, bytes }))
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entries = await this.#known()
    // Somebody else may have put it there meanwhile, or taken it away.
    const bytes = await this.#store.get(key)
    if (bytes) this.#note(entries, key, bytes.length)
    else this.#forget(entries, key)
    return bytes
  }

  async set(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (bytes.length > this.#limit) return
    const entries = await this.#known()
    this.#note(entries, key, bytes.length)
    while (this.#total > this.#limit) {
      const [oldest] = entries.keys()
      if (oldest === undefined) break
      this.#forget(entries, oldest)
      await this.#store.delete(oldest)
    }
    await this.#store.set(key, bytes)
  }

  async delete(key: string): Promise<void> {
    this.#forget(await this.#known(), key)
    await this.#store.delete(key)
  }

  #known(): Promise<Map<string, number>> {
    this.#entries ??= this.#readList()
    return this.#entries
  }

  async #readList(): Promise<Map<string, number>> {
    const entries = new Map<string, number>()
    const listed = await this.#store.list().catch(() => [])
    for (const { key, bytes } of listed) this.#note(entries, key, bytes)
    return entries
  }

  /** Notes that a key has been used last. */
  #note(entries: Map<string, number>, key: string, bytes: number): void {
    this.#forget(entries, key)
    entries.set(key, bytes)
    this.#total += bytes
  }

  #forget(entries: Map<string, number>, key: string): void {
    this.#total -= entries.get(key) ?? 0
    entries.delete(key)
  }
}

/** What the stores here have in common. */
export interface CacheLimits {
  /** Bytes that are kept, at most. */
  bytes?: number
}

const DEFAULT_MEMORY = 64 << 20

/** Keeps fetched bytes in memory, 64 MiB unless `bytes` says otherwise; for {@link cachedSource}. */
export function memoryStore({ bytes = DEFAULT_MEMORY }: CacheLimits = {}): CacheStore {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>()
  const store: CacheStore = {
    list: async () => [...kept].map(([key, value]) => ({ key, bytes: value.length })),
    get: async (key) => kept.get(key)?.slice(),
    set: async (key, value) => void kept.set(key, value.slice()),
    delete: async (key) => void kept.delete(key),
  }
  return new BoundedStore(store, bytes)
}
