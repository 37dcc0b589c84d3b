// SPDX-License-Identifier: MIT
/** An archive as a stream, and piece by piece. */
import type { Filesystem } from "../filesystem.js"
import { type TarOptions, TarWriter } from "./writer.js"

/** Bytes of one piece. */
const PIECE = 256 << 10

/** A byte stream of an archive: nothing is read before it is asked for. */
export function tarStream(
  filesystem: Filesystem,
  path: string | Uint8Array,
  options: TarOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { signal } = options
  const stop = new AbortController()
  const writer = new TarWriter(filesystem, path, { ...options, signal: stop.signal })
  let onAbort: () => void
  const end = (reason?: unknown): Promise<void> => {
    signal?.removeEventListener("abort", onAbort)
    stop.abort(reason)
    return writer.close()
  }
  return new ReadableStream(
    {
      type: "bytes",
      start(controller) {
        onAbort = () => {
          controller.error(signal?.reason)
          end(signal?.reason)
        }
        signal?.addEventListener("abort", onAbort)
        if (signal?.aborted) onAbort()
      },
      async pull(controller) {
        const request = controller.byobRequest
        const room = request?.view ? bytesOf(request.view) : new Uint8Array(PIECE)
        let count: number
        try {
          count = await filesystem.run("tar", path, writer.read(room), stop.signal)
        } catch (error) {
          end(error)
          throw error
        }
        if (count === 0) {
          end()
          controller.close()
          request?.respond(0)
        } else if (request) {
          request.respond(count)
        } else {
          controller.enqueue(room.subarray(0, count))
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
}

/** The pieces of an archive, each in memory of its own. */
export function* tarPieces(
  filesystem: Filesystem,
  path: string | Uint8Array,
  options: Omit<TarOptions, "signal">,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const writer = new TarWriter(filesystem, path, options)
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE)
      const count = filesystem.runSync("tar", path, writer.read(piece))
      if (count === 0) return
      yield piece.subarray(0, count)
    }
  } finally {
    writer.close()
  }
}

/** The bytes of a view of any kind. */
function bytesOf(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
