// SPDX-License-Identifier: MIT
/** Reading contents: out of the pool, bringing in what is missing, or past it. */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted } from "./errors.js"
import { failure, nidOf } from "./failure.js"
import { ATTEMPTS, fill, fillSync, metadataPages, usePages } from "./fill.js"
import { PAGE_BITS, PAGE_SIZE } from "./page.js"
import { ReadAhead } from "./read-ahead.js"
import * as status from "./status.js"

/**
 * A few bytes of metadata, at most 128 KiB, in shared memory that the next read reuses: parse them before
 * anything else is awaited. Throws EUCLEAN if they do not lie within the metadata.
 */
export function* readMetadata(
  engine: Engine,
  metadata: Content,
  position: number,
  length: number,
): Operation<Uint8Array> {
  if (position + length > metadata.size) {
    throw corrupted("metadata lies beyond its end", { ...nidOf(metadata), offset: position })
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const bytes = engine.core.peek(metadata.space, position, length)
    if (bytes) return bytes
    const { missingPage } = engine.core
    yield fill(engine, metadata, missingPage, metadataPages(engine, metadata, missingPage))
  }
  throw failure(status.TOO_SMALL, metadata, position)
}

/**
 * Copies what is in the pool of bytes `position` .. `position + length` to `into`, up to the first page that
 * is not. Answers how many bytes. The range must lie within the content.
 */
export function copyResident(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
  isUse: boolean,
): number {
  const { core } = engine
  let done = 0
  while (done < length) {
    const at = position + done
    const page = Math.floor(at / PAGE_SIZE)
    const within = at - page * PAGE_SIZE
    const pages = (within + length - done + PAGE_SIZE - 1) >>> PAGE_BITS
    const address = core.acquire(content.space, page, pages, isUse)
    if (address === 0) break
    const run = core.runLength
    const count = Math.min(length - done, run * PAGE_SIZE - within)
    into.set(new Uint8Array(core.buffer, address + within, count), done)
    core.release(address, run)
    done += count
  }
  return done
}

/** Copies bytes that lie within the content to `into`, bringing in what is missing. `readAhead` has noted the read. */
export function* copyBytes(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
  readAhead: ReadAhead,
): Operation<void> {
  const end = Math.ceil((position + length) / PAGE_SIZE)
  let done = 0
  for (let failures = 0; failures < ATTEMPTS; failures++) {
    const rest = into.subarray(done)
    const { makesWarmer } = readAhead
    const copied = copyResident(engine, content, rest, position + done, length - done, makesWarmer)
    done += copied
    if (done === length) return
    if (copied > 0) failures = 0
    const page = Math.floor((position + done) / PAGE_SIZE)
    yield fill(engine, content, page, readAhead.want(end - page))
  }
  throw failure(status.TOO_SMALL, content, position + done)
}

/** Like {@link copyBytes}, at once. */
export function copyBytesSync(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
  readAhead: ReadAhead,
): void {
  const end = Math.ceil((position + length) / PAGE_SIZE)
  let done = 0
  for (let failures = 0; failures < ATTEMPTS; failures++) {
    const rest = into.subarray(done)
    const { makesWarmer } = readAhead
    const copied = copyResident(engine, content, rest, position + done, length - done, makesWarmer)
    done += copied
    if (done === length) return
    if (copied > 0) failures = 0
    const page = Math.floor((position + done) / PAGE_SIZE)
    fillSync(engine, content, page, readAhead.want(end - page))
  }
  throw failure(status.TOO_SMALL, content, position + done)
}

/** Copies bytes that lie within the content to `into`, from their source and not from the pool: see {@link usePages}. */
export function* copyDirect(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
): Operation<void> {
  let done = 0
  while (done < length) {
    const at = position + done
    const page = Math.floor(at / PAGE_SIZE)
    const within = at - page * PAGE_SIZE
    const left = length - done
    yield usePages(engine, content, page, Math.ceil((within + left) / PAGE_SIZE), (pages) => {
      const piece = pages.subarray(within, within + left)
      into.set(piece, done)
      done += piece.length
    })
  }
}

/**
 * Shows bytes of a content to `use`, from the beginning of a page on and as many as come at a time, from their source and not
 * from the pool. They are only valid during the call, in which nothing else may be read. Answers where they end.
 */
export function visitDirectSync(
  engine: Engine,
  content: Content,
  position: number,
  use: (piece: Uint8Array, position: number) => void,
): number {
  const left = content.size - position
  let end = position
  fillSync(engine, content, position / PAGE_SIZE, Math.ceil(left / PAGE_SIZE), (pages) => {
    const piece = pages.length > left ? pages.subarray(0, left) : pages
    end += piece.length
    use(piece, position)
  })
  return end
}

/**
 * Bytes of a content as ordinary memory, for structures that are parsed: directory blocks, link targets. `readAhead`, if
 * given, has noted the read.
 */
export function* readBytes(
  engine: Engine,
  content: Content,
  position: number,
  length: number,
  readAhead = new ReadAhead(),
): Operation<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  const resident = copyResident(engine, content, bytes, position, length, true)
  if (resident < length) {
    const rest = bytes.subarray(resident)
    yield* copyBytes(engine, content, rest, position + resident, rest.length, readAhead)
  }
  return bytes
}
