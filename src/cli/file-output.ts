// SPDX-License-Identifier: MIT
/** One regular file of an extraction on its way into the system. */
import { closeSync, ftruncateSync, unlinkSync, writeSync } from "node:fs"
import type { OpenFile } from "../file.js"
import { PAGE_SIZE } from "../page.js"
import { systemPath } from "./target.js"

/** Bytes that the pool is asked for at a time. Holes of larger files become holes. */
const PIECE = 1 << 20

/** A file that is being made. It goes again if it is closed before it is whole. */
export class FileOutput {
  readonly fd: number
  /** That it was made with. */
  readonly mode: number
  readonly #path: string
  readonly #onBytes: (count: number) => void
  #written = 0
  isWhole = false

  /** `onBytes` is told of bytes that were written. */
  constructor(
    fd: number,
    { path, mode, onBytes }: { path: string; mode: number; onBytes: (count: number) => void },
  ) {
    this.fd = fd
    this.mode = mode
    this.#path = path
    this.#onBytes = onBytes
  }

  /**
   * Writes what is in a file, piece by piece, over the holes of large ones: an image can claim more of them than the disk
   * can hold. Each piece is needed once: past the pool it stays in the processor's caches.
   */
  fillNow(file: OpenFile): void {
    const { size } = file
    const write = (bytes: Uint8Array, position: number): void => this.#write(bytes, position)
    for (let position = 0; position < size; ) {
      const hole = size > PIECE ? holeEndNow(file, position) : position
      position = hole > position ? hole : file.visitSync(position, write)
    }
  }

  /** Like {@link fillNow}, of an image that is not near: where requests are dear the pool brings in more at a time. */
  async fillLater(file: OpenFile): Promise<void> {
    const { size } = file
    for (let position = 0; position < size; ) {
      const hole = size > PIECE ? await holeEndLater(file, position) : position
      position = hole > position ? hole : await this.#writePiece(file, position)
    }
  }

  /** Gives it its size: there may be a hole at its end. */
  extend(size: number): void {
    if (this.#written < size) ftruncateSync(this.fd, size)
  }

  close(): void {
    closeSync(this.fd)
    if (!this.isWhole) unlinkSync(systemPath(this.#path))
  }

  async #writePiece(file: OpenFile, position: number): Promise<number> {
    const end = Math.min(position + PIECE, file.size)
    using view = file.map(position, end - position)
    let at = position
    for (const bytes of await view.segments()) {
      this.#write(bytes, at)
      at += bytes.length
    }
    return end
  }

  #write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.fd, bytes, done, bytes.length - done, position + done)
    }
    this.#written = position + bytes.length
    this.#onBytes(bytes.length)
  }
}

/** Where holes end that begin at a page, or the last whole page of them; `position` if there are none. */
function holeEndNow(file: OpenFile, position: number): number {
  let end = position
  for (let next = position; next < file.size; ) {
    next = file.holeEndSync(end)
    if (next === end) break
    end = next
  }
  return wholePages(end, file.size)
}

/** Like {@link holeEndNow}, later. */
async function holeEndLater(file: OpenFile, position: number): Promise<number> {
  let end = position
  for (let next = position; next < file.size; ) {
    next = await file.holeEnd(end)
    if (next === end) break
    end = next
  }
  return wholePages(end, file.size)
}

function wholePages(end: number, size: number): number {
  return end === size ? end : end - (end % PAGE_SIZE)
}
