// SPDX-License-Identifier: MIT
/** Reading every file of images, as a check of them and to see the pool fill. */
import type { WalkEntry } from "erofs-wasm"
import { breathe, pause } from "./breathe.js"
import type { Job } from "./jobs.js"
import type { OpenImage } from "./session.js"
import { counted, sizeText } from "./words.js"

/** What a reading found. */
export interface Findings {
  files: number
  bytes: number
  damages: Damage[]
}

/** Something that could not be read. */
export interface Damage {
  opened: OpenImage
  path: string
  error: unknown
}

/** How fast to read. */
export interface Pace {
  /** Milliseconds that the whole shall take at least. */
  leastTime: number
}

/** Bytes read at once. */
const PIECE = 256 << 10
/** Pieces when there is something to watch, and images that are so small that the pool would be full at once. */
const SMALL_PIECE = 16 << 10
const SMALL = 32 << 20

/** Reads all files of the images, one image after the other. Damage does not end it. Throws when it is stopped. */
export async function readAll(
  images: readonly OpenImage[],
  { signal, progress }: Job,
  { leastTime }: Pace,
): Promise<Findings> {
  const damages: Damage[] = []
  const todo: { opened: OpenImage; entry: WalkEntry }[] = []
  let total = 0
  for (const opened of images) {
    progress(0, undefined, `Listing ${opened.name}: ${counted(todo.length, "file")}`)
    for (const entry of await filesOf(opened, damages, signal)) {
      todo.push({ opened, entry })
      total += Number(entry.stats.size)
    }
  }
  const buffer = new Uint8Array(leastTime > 0 && total < SMALL ? SMALL_PIECE : PIECE)
  const began = performance.now()
  let bytes = 0
  for (const [index, { opened, entry }] of todo.entries()) {
    const before = bytes
    try {
      await using file = await opened.image.open({ nid: entry.nid }, { signal })
      for (let position = 0; position < file.size; position += buffer.length) {
        bytes += await file.read(buffer, position, { signal })
        progress(
          bytes,
          total,
          `${opened.name}: ${sizeText(bytes)} of ${sizeText(total)}, ${counted(index + 1, "file")}`,
        )
        const due = began + (bytes / total) * leastTime
        const early = due - performance.now()
        if (early > 4) await pause(early, signal)
        else await breathe(signal)
      }
    } catch (error) {
      signal.throwIfAborted()
      damages.push({ opened, path: entry.path, error })
      bytes = before + Number(entry.stats.size)
    }
  }
  return { files: todo.length, bytes: total, damages }
}

/** The regular files of an image, each inode once. */
async function filesOf(opened: OpenImage, damages: Damage[], signal: AbortSignal): Promise<WalkEntry[]> {
  const files = new Map<bigint, WalkEntry>()
  const onError = (error: unknown, path: string) => damages.push({ opened, path, error })
  for await (const entry of opened.image.walk("/", { onError, signal })) {
    if (entry.isFile() && !files.has(entry.nid)) files.set(entry.nid, entry)
    await breathe(signal)
  }
  return [...files.values()]
}
