// SPDX-License-Identifier: MIT
/** Files and folders of an image onto the reader's disk. */
import type { BigIntStats } from "erofs-wasm"
import { h } from "./dom.js"
import type { Job } from "./jobs.js"
import type { Place } from "./tree.js"
import { nameText, sizeText } from "./words.js"

/** Gives the browser a file to save. Its bytes are collected in a Blob, which browsers keep on disk if it is large. */
export async function saveFile({ opened, path }: Place, stats: BigIntStats, job: Job): Promise<string> {
  const { signal } = job
  await using file = await opened.image.open(path, { followSymlinks: false, signal })
  const name = lastName(path)
  const blob = await collect(file.stream({ signal }), Number(stats.size), job)
  offer(blob, name)
  return `${name}, ${sizeText(blob.size)}`
}

/** The bytes of a stream, with progress. Ends with the signal's reason when it is aborted. */
export async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  total: number | undefined,
  { signal, progress }: Job,
): Promise<Blob> {
  let done = 0
  const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      done += piece.length
      progress(done, total, total === undefined ? sizeText(done) : `${sizeText(done)} of ${sizeText(total)}`)
      controller.enqueue(piece)
    },
  })
  return new Response(stream.pipeThrough(count, { signal })).blob()
}

/** Starts a download of a Blob under a name. */
export function offer(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  h("a", { href: address, download: name }).click()
  // The browser has its own hold on the Blob once the download began, which is not told of.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The last name of a path, fit for a file's name. */
export function lastName(path: string): string {
  return nameText(path.split("/").pop() ?? "")
}
