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

/** Files that are read side by side, so that none waits for the bytes of another. */
const LANES = 8

/** Reads all files of the images, one image after the other. Damage does not end it. Throws when it is stopped. */
export async function readAll(
  images: readonly OpenImage[],
  job: Job,
  { leastTime }: Pace,
): Promise<Findings> {
  const damages: Damage[] = []
  const todo: { opened: OpenImage; entry: WalkEntry }[] = []
  for (const opened of images) {
    for (const entry of await filesOf(opened, damages, job)) todo.push({ opened, entry })
  }
  const total = todo.reduce((sum, { entry }) => sum + Number(entry.stats.size), 0)
  const isWatched = leastTime > 0
  const piece = isWatched && total < SMALL ? SMALL_PIECE : PIECE
  const began = performance.now()
  let next = 0
  let bytes = 0

  /** Waits until so much may have been read. */
  const keepPace = async (): Promise<void> => {
    const early = began + (bytes / total) * leastTime - performance.now()
    if (early > 4) await pause(early, job.signal)
    else await breathe(job.signal)
  }
  const lane = async (): Promise<void> => {
    const buffer = new Uint8Array(piece)
    for (let file = todo[next++]; file; file = todo[next++]) {
      const { opened, entry } = file
      const size = Number(entry.stats.size)
      let done = 0
      try {
        await using open = await opened.image.open({ nid: entry.nid }, { signal: job.signal })
        while (done < size) {
          const count = await open.read(buffer, done, { signal: job.signal })
          done += count
          bytes += count
          job.progress(bytes, total, () => {
            const files = counted(Math.min(next, todo.length), "file")
            return `${opened.name}: ${sizeText(bytes)} of ${sizeText(total)}, ${files}`
          })
          await keepPace()
        }
      } catch (error) {
        job.signal.throwIfAborted()
        damages.push({ opened, path: entry.path, error })
        bytes += size - done
      }
    }
  }
  // Whoever watches wants to see one file after the other.
  await Promise.all(Array.from({ length: isWatched ? 1 : LANES }, lane))
  return { files: todo.length, bytes: total, damages }
}

/** The regular files of an image, each inode once. */
async function filesOf(
  opened: OpenImage,
  damages: Damage[],
  { signal, progress }: Job,
): Promise<WalkEntry[]> {
  const files = new Map<bigint, WalkEntry>()
  const onError = (error: unknown, path: string) => damages.push({ opened, path, error })
  for await (const entry of opened.image.walk("/", { onError, signal })) {
    if (entry.isFile()) files.set(entry.nid, files.get(entry.nid) ?? entry)
    progress(0, undefined, () => `Listing ${opened.name}: ${counted(files.size, "file")}`)
    await breathe(signal)
  }
  return [...files.values()]
}
