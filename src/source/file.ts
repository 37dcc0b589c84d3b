// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync, read as readAsync, readSync } from "node:fs"
import { ErofsError } from "../errors.js"
import type { AsyncSource, SyncSource } from "./source.js"

/** Bytes that are held apart while they are copied into shared memory, at most. */
const PIECE = 1 << 20

/** A file of the system: readable at once and in the background. */
export type FileSource = SyncSource & AsyncSource & { readonly name: string; close(): void }

/** Options of {@link openFileSync}. */
export interface FileSourceOptions {
  /** Bytes to use, where the system does not tell a size (block devices). Default: what fstat says. */
  size?: number
}

/**
 * Opens a file for reading. Throws what `node:fs` throws; EINVAL for a directory, or for a device whose size
 * is neither known to the system nor given.
 */
export function openFileSync(path: string | URL, { size }: FileSourceOptions = {}): FileSource {
  const fd = openSync(path, "r")
  try {
    return fileSource(fd, String(path), size ?? sizeOf(fd, String(path)))
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Like {@link openFileSync}; opening is quick, so this differs only in handing out a promise. */
export async function openFile(path: string | URL, options?: FileSourceOptions): Promise<FileSource> {
  return openFileSync(path, options)
}

function sizeOf(fd: number, path: string): number {
  const stat = fstatSync(fd)
  if (stat.isFile()) return stat.size
  if (stat.isBlockDevice()) return probeSize(fd)
  throw new ErofsError("EINVAL", "not a file or block device", { syscall: "open", path })
}

/** The size of a block device, for which fstat says 0: the first byte that cannot be read, by bisection. */
function probeSize(fd: number): number {
  const byte = new Uint8Array(1)
  const canRead = (offset: number): boolean => {
    try {
      return readSync(fd, byte, 0, 1, offset) === 1
    } catch {
      return false
    }
  }
  let low = 0
  let high = 2 ** 52
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2)
    if (canRead(middle)) low = middle + 1
    else high = middle
  }
  return low
}

function fileSource(fd: number, name: string, size: number): FileSource {
  let isOpen = true
  return {
    size,
    name,
    readSync(target, offset) {
      let done = 0
      while (done < target.length) {
        const count = readSync(fd, target, done, target.length - done, offset + done)
        if (count === 0) break
        done += count
      }
      return done
    },
    read(target, offset) {
      return target.buffer instanceof SharedArrayBuffer
        ? readApart(fd, target, offset)
        : readInto(fd, target, offset)
    },
    close() {
      if (!isOpen) return
      isOpen = false
      closeSync(fd)
    },
  }
}

/** Reads straight into `target`. */
async function readInto(fd: number, target: Uint8Array, offset: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const count = await readOnce(fd, target, done, offset + done)
    if (count === 0) break
    done += count
  }
  return done
}

/**
 * Reads into memory of its own and copies. The system goes on with a read when the thread that began it is terminated:
 * what that thread held of shared memory may be in use for others by then.
 */
async function readApart(fd: number, target: Uint8Array, offset: number): Promise<number> {
  const piece = new Uint8Array(Math.min(target.length, PIECE))
  let done = 0
  while (done < target.length) {
    const part = piece.subarray(0, target.length - done)
    const count = await readOnce(fd, part, 0, offset + done)
    if (count === 0) break
    target.set(part.subarray(0, count), done)
    done += count
  }
  return done
}

/** One read in the background. It cannot be called off, and the target is in use until it ends: no signal. */
function readOnce(fd: number, target: Uint8Array, at: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readAsync(fd, target, at, target.length - at, offset, (error, count) => {
      if (error) reject(error)
      else resolve(count)
    })
  })
}
