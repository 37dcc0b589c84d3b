// SPDX-License-Identifier: MIT
import { blobSource } from "./blob.js"
import type { AsyncSource, SyncSource } from "./source.js"

/** Each call takes a browser a quarter of a millisecond, however few bytes it brings. */
const WINDOW = 1 << 20

/** What is needed of a `FileSystemSyncAccessHandle`, which only dedicated workers can have. */
export interface OpfsAccessHandle {
  getSize(): number
  read(target: Uint8Array, options: { at: number }): number
  close(): void
}

/** What is needed of a `FileSystemFileHandle`: of the private file system, or of one that the user picked. */
export interface OpfsFileHandle {
  readonly name: string
  getFile(): Promise<File>
}

/**
 * An image in the browser's private file system (OPFS). With a sync access handle, which workers get by
 * `createSyncAccessHandle()`, it can be read synchronously and brings bytes straight into the pool; closing the image
 * closes the handle. With a file handle it is read as the `File` that it is at this moment.
 *
 *     const root = await navigator.storage.getDirectory()
 *     const handle = await root.getFileHandle("rootfs.erofs")
 *     const image = await pool.mount(await opfsSource(handle))
 *     // in a worker
 *     const image = pool.mountSync(opfsSource(await handle.createSyncAccessHandle()))
 */
export function opfsSource(handle: OpfsAccessHandle): SyncSource
export function opfsSource(handle: OpfsFileHandle): Promise<AsyncSource>
export function opfsSource(handle: OpfsAccessHandle | OpfsFileHandle): SyncSource | Promise<AsyncSource> {
  return "getFile" in handle ? handle.getFile().then(blobSource) : accessSource(handle)
}

function accessSource(handle: OpfsAccessHandle): SyncSource {
  let isOpen = true
  return {
    size: handle.getSize(),
    granularity: WINDOW,
    readSync(target, offset) {
      let done = 0
      while (done < target.length) {
        const count = handle.read(target.subarray(done), { at: offset + done })
        if (count === 0) break
        done += count
      }
      return done
    },
    close() {
      if (!isOpen) return
      isOpen = false
      handle.close()
    },
  }
}
