// SPDX-License-Identifier: MIT
/** What was kept of large images of mkfs.erofs: see test/fixtures/remote/README.md. */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import type { Served } from "./http-server.js"

/** An image of which only some pieces are there; elsewhere it is zero. */
export class KeptImage implements Served {
  readonly size: number
  /** The file that can be read, and the SHA-256 of its content in hex. */
  readonly path: string
  readonly sha256: string
  readonly #pieces: readonly { start: number; bytes: Uint8Array }[]

  constructor(name: string) {
    const file = new URL(`../fixtures/remote/${name}.json.gz`, import.meta.url)
    const text = gunzipSync(readFileSync(file)).toString()
    const kept = JSON.parse(text) as {
      size: number
      path: string
      sha256: string
      pieces: [start: number, bytes: string][]
    }
    this.size = kept.size
    this.path = kept.path
    this.sha256 = kept.sha256
    this.#pieces = kept.pieces.map(([start, bytes]) => ({ start, bytes: Buffer.from(bytes, "base64") }))
  }

  read(target: Uint8Array, offset: number): void {
    target.fill(0)
    for (const { start, bytes } of this.#pieces) {
      const from = Math.max(offset, start)
      const to = Math.min(offset + target.length, start + bytes.length)
      if (from < to) target.set(bytes.subarray(from - start, to - start), from - offset)
    }
  }
}
