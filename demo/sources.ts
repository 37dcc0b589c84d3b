// SPDX-License-Identifier: MIT
/** Where images come from: files of the reader's own, and addresses. */
import type { AsyncSource, Source } from "erofs-wasm"

/** Something that can be opened, as often as needed. */
export type Origin = { file: File } | { url: URL }

/** The name to show for an origin. */
export function nameOf(origin: Origin): string {
  if ("file" in origin) return origin.file.name
  const last = origin.url.pathname.split("/").filter(Boolean).pop()
  return last ? decodeURIComponent(last) : origin.url.host
}

/** A source on an origin. */
export async function sourceOf(origin: Origin, signal?: AbortSignal): Promise<Source> {
  return "file" in origin ? blobSource(origin.file) : rangeSource(origin.url, signal)
}

function blobSource(file: File): AsyncSource {
  return {
    size: file.size,
    name: file.name,
    async read(target, offset, { signal }) {
      const bytes = await file.slice(offset, offset + target.length).arrayBuffer()
      signal?.throwIfAborted()
      target.set(new Uint8Array(bytes))
      return bytes.byteLength
    },
  }
}

async function rangeSource(url: URL, signal?: AbortSignal): Promise<AsyncSource> {
  const head = await fetch(url, { method: "HEAD", signal: signal ?? null })
  const size = Number(head.headers.get("content-length"))
  if (!head.ok) throw new Error(`${url.href} answers ${head.status}`)
  return {
    size,
    name: url.href,
    async read(target, offset, { signal }) {
      const range = `bytes=${offset}-${offset + target.length - 1}`
      const answer = await fetch(url, { headers: { range }, signal: signal ?? null })
      if (answer.status !== 206) throw new Error(`${url.href} does not answer ranges`)
      const bytes = await answer.arrayBuffer()
      target.set(new Uint8Array(bytes))
      return bytes.byteLength
    },
  }
}
