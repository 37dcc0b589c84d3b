// SPDX-License-Identifier: MIT
/** Where browsers can keep fetched bytes beyond a visit: the Cache API, and the private file system (OPFS). */
import { ErofsError } from "../errors.js"
import {
  BoundedStore,
  type CacheEntry,
  type CacheLimits,
  type CacheStore,
  isCacheKey,
} from "./cache-store.js"

const DEFAULT_BYTES = 256 << 20
const DEFAULT_NAME = "erofs-wasm"
/** Keys of the Cache API are URLs. Nobody ever asks for these. */
const URL_PREFIX = "https://erofs-wasm.invalid/"
const SIZE_HEADER = "x-bytes"
const TIME_HEADER = "x-time"

/** Options of {@link cacheApiStore}. */
export interface CacheApiOptions extends CacheLimits {
  /** Name of the cache; default "erofs-wasm". */
  name?: string
}

/**
 * Keeps fetched bytes in the browser's Cache API, 256 MiB unless `bytes` says otherwise; for {@link cachedSource}. Works in
 * pages and workers of secure origins. Throws ENOTSUP where there is no such thing.
 */
export async function cacheApiStore(options: CacheApiOptions = {}): Promise<CacheStore> {
  if (typeof caches === "undefined") throw new ErofsError("ENOTSUP", "there is no Cache API here")
  const cache = await caches.open(options.name ?? DEFAULT_NAME)
  const store: CacheStore = {
    async list() {
      const found: (CacheEntry & { time: number })[] = []
      for (const { url } of await cache.keys()) {
        const key = url.startsWith(URL_PREFIX) ? url.slice(URL_PREFIX.length) : ""
        const headers = isCacheKey(key) ? (await cache.match(url))?.headers : undefined
        const number = (name: string): number => Number(headers?.get(name) ?? 0)
        if (headers) found.push({ key, bytes: number(SIZE_HEADER), time: number(TIME_HEADER) })
      }
      return inOrder(found)
    },
    async get(key) {
      const response = await cache.match(URL_PREFIX + key)
      return response && new Uint8Array(await response.arrayBuffer())
    },
    async set(key, bytes) {
      const headers = { [SIZE_HEADER]: String(bytes.length), [TIME_HEADER]: String(Date.now()) }
      await cache.put(URL_PREFIX + key, new Response(bytes, { headers }))
    },
    async delete(key) {
      await cache.delete(URL_PREFIX + key)
    },
  }
  return new BoundedStore(store, options.bytes ?? DEFAULT_BYTES)
}

/** Options of {@link opfsStore}. */
export interface OpfsStoreOptions extends CacheLimits {
  /** Directory to use; default "erofs-wasm" in the origin's private file system. */
  directory?: FileSystemDirectoryHandle
}

/**
 * Keeps fetched bytes in the browser's private file system (OPFS), 256 MiB unless `bytes` says otherwise; for
 * {@link cachedSource}. Works in pages and workers of secure origins; where files can only be written by sync access
 * handles, in workers. Throws ENOTSUP where there is no such thing.
 */
export async function opfsStore(options: OpfsStoreOptions = {}): Promise<CacheStore> {
  const directory = options.directory ?? (await defaultDirectory())
  const store: CacheStore = {
    async list() {
      const found: (CacheEntry & { time: number })[] = []
      for await (const [key, handle] of directory.entries()) {
        if (!isCacheKey(key) || handle.kind !== "file") continue
        const { size, lastModified } = await (handle as FileSystemFileHandle).getFile()
        found.push({ key, bytes: size, time: lastModified })
      }
      return inOrder(found)
    },
    async get(key) {
      try {
        const file = await (await directory.getFileHandle(key)).getFile()
        return new Uint8Array(await file.arrayBuffer())
      } catch {
        return undefined
      }
    },
    async set(key, bytes) {
      await writeFile(await directory.getFileHandle(key, { create: true }), bytes)
    },
    async delete(key) {
      await directory.removeEntry(key).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    },
  }
  return new BoundedStore(store, options.bytes ?? DEFAULT_BYTES)
}

async function defaultDirectory(): Promise<FileSystemDirectoryHandle> {
  if (typeof navigator === "undefined" || !navigator.storage?.getDirectory) {
    throw new ErofsError("ENOTSUP", "there is no private file system here")
  }
  const root = await navigator.storage.getDirectory()
  return await root.getDirectoryHandle(DEFAULT_NAME, { create: true })
}

/** What workers have where `createWritable` is missing. */
interface SyncAccess {
  truncate(size: number): void
  write(bytes: Uint8Array, options: { at: number }): number
  flush(): void
  close(): void
}

async function writeFile(handle: FileSystemFileHandle, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if ("createWritable" in handle) {
    const writable = await handle.createWritable()
    await writable.write(bytes)
    await writable.close()
    return
  }
  const { createSyncAccessHandle } = handle as { createSyncAccessHandle?: () => Promise<SyncAccess> }
  if (!createSyncAccessHandle) throw new ErofsError("ENOTSUP", "files can only be written in workers here")
  const access = await createSyncAccessHandle.call(handle)
  try {
    access.truncate(0)
    access.write(bytes, { at: 0 })
    access.flush()
  } finally {
    access.close()
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFoundError"
}

/** The oldest first. */
function inOrder(found: (CacheEntry & { time: number })[]): CacheEntry[] {
  return found.sort((a, b) => a.time - b.time).map(({ key, bytes }) => ({ key, bytes }))
}
