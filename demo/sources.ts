// SPDX-License-Identifier: MIT
/** Where images come from: files of the reader's own, and addresses. */
import { blobSource, httpSource, type Source } from "erofs-wasm"
import { windowed } from "./windowed.js"

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
  return "file" in origin
    ? windowed(blobSource(origin.file))
    : httpSource(origin.url, signal ? { signal } : {})
}
