// SPDX-License-Identifier: MIT
/** Files and folders of an image onto the reader's disk. */
import type { BigIntStats } from "erofs-wasm"
import { breathe } from "./breathe.js"
import { h } from "./dom.js"
import type { Job } from "./jobs.js"
import type { Damage } from "./reading.js"
import type { Place } from "./tree.js"
import { countText, nameText, sizeText } from "./words.js"

/** Bytes after which what was read is handed to the browser, out of the memory of this page. */
const PART = 8 << 20

/** Gives the browser a file to save. Its bytes are collected in a Blob, which browsers keep on disk if it is large. */
export async function saveFile({ opened, path }: Place, stats: BigIntStats, job: Job): Promise<string> {
  const { signal } = job
  await using file = await opened.image.open(path, { followSymlinks: false, signal })
  const name = lastName(path)
  const size = Number(stats.size)
  const blob = await collect(
    file.stream({ signal }),
    size,
    job.progress,
    (done) => `${sizeText(done)} of ${sizeText(size)}`,
  )
  offer(blob, name)
  return `${name}, ${sizeText(blob.size)}`
}

/** What became of a folder: the name of its archive with its size, and what could not be read. */
export interface SavedFolder {
  saved: string
  damages: Damage[]
}

/**
 * Gives the browser a folder to save, as tar. Damage does not end it: what is damaged is left out, or zeros stand in its
 * place, and it is told.
 */
export async function saveFolder({ opened, path }: Place, job: Job): Promise<SavedFolder> {
  const { signal } = job
  const damages: Damage[] = []
  const prefix = lastName(path) || nameText(opened.name).replace(/\.[^.]*$/, "")
  let entries = 0
  const stream = opened.image.tar(path, {
    prefix,
    signal,
    onError: (error, where) => damages.push({ opened, path: where, error }),
    onProgress: (progress) => {
      entries = progress.entries
    },
  })
  const words = (done: number) => `${sizeText(done)}, ${countText(entries)} entries`
  const blob = await collect(stream, undefined, job.progress, words)
  offer(blob, `${prefix}.tar`)
  return { saved: `${prefix}.tar, ${sizeText(blob.size)}`, damages }
}

/** The bytes of a stream, with progress. */
async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  total: number | undefined,
  progress: Job["progress"],
  words: (done: number) => string,
): Promise<Blob> {
  const parts: Blob[] = []
  let pieces: Uint8Array<ArrayBuffer>[] = []
  let done = 0
  let handedOver = 0
  const reader = stream.getReader()
  for (;;) {
    const { value } = await reader.read()
    if (value) {
      pieces.push(value)
      done += value.length
      progress(done, total, () => words(done))
    }
    if (value && done - handedOver < PART) continue
    parts.push(new Blob(pieces))
    pieces = []
    handedOver = done
    // A type that no browser takes for a reason to add to the name.
    if (!value) return new Blob(parts, { type: "application/octet-stream" })
    await breathe()
  }
}

/** Starts a download of a Blob under a name. */
function offer(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  h("a", { href: address, download: name }).click()
  // The browser has its own hold on the Blob once the download began, which is not told of.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The last name of a path, fit for a file's name. */
export function lastName(path: string): string {
  return nameText(path.split("/").pop() ?? "")
}
