// SPDX-License-Identifier: MIT
import { randomUUID } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { BoundedStore, type CacheLimits, type CacheStore, isCacheKey } from "./cache-store.js"

const DEFAULT_BYTES = 1 << 30
/** Names of files that are being written. */
const TEMPORARY = ".writing-"
/** Files that have been in writing for longer, in milliseconds, were left behind by somebody who is gone. */
const ABANDONED_AFTER = 3_600_000

/**
 * Keeps fetched bytes as files in a directory, 1 GiB unless `bytes` says otherwise; for {@link cachedSource}. The directory
 * is made when it is needed. Several processes may use it at the same time: files appear complete or not at all. Files
 * with other names in it are left alone.
 */
export function directoryStore(path: string, { bytes = DEFAULT_BYTES }: CacheLimits = {}): CacheStore {
  const store: CacheStore = {
    async list() {
      const found: { key: string; bytes: number; time: number }[] = []
      for (const name of await readdir(path)) {
        const file = join(path, name)
        if (name.startsWith(TEMPORARY)) await dropAbandoned(file)
        if (!isCacheKey(name)) continue
        const { size, mtimeMs } = await stat(file)
        found.push({ key: name, bytes: size, time: mtimeMs })
      }
      return found.sort((a, b) => a.time - b.time).map(({ key, bytes: size }) => ({ key, bytes: size }))
    },
    async get(key) {
      const file = join(path, key)
      try {
        const content = new Uint8Array(await readFile(file))
        const now = new Date()
        // Its time tells when it was used last.
        await utimes(file, now, now).catch(() => {})
        return content
      } catch {
        return undefined
      }
    },
    async set(key, value) {
      await mkdir(path, { recursive: true })
      const temporary = join(path, TEMPORARY + randomUUID())
      try {
        await writeFile(temporary, value)
        await rename(temporary, join(path, key))
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    },
    delete: (key) => rm(join(path, key), { force: true }),
  }
  return new BoundedStore(store, bytes)
}

async function dropAbandoned(file: string): Promise<void> {
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }))
  if (Date.now() - mtimeMs > ABANDONED_AFTER) await rm(file, { force: true })
}
