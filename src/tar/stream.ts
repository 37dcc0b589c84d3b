// SPDX-License-Identifier: MIT
/** An archive as a stream. */
import type { Filesystem } from "../filesystem.js"
import { tarWriter } from "./load.js"
import { checkTarOptions, type TarOptions } from "./options.js"
import type { TarWriter } from "./writer.js"

/** Bytes of one piece. */
const PIECE = 256 << 10

/** A byte stream of an archive: nothing is read, nor loaded, before it is asked for. */
export function tarStream(
  filesystem: Filesystem,
  path: string | Uint8Array,
  options: TarOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  checkTarOptions(options)
  const { signal } = options
  const stop = new AbortController()
  let writer: TarWriter | undefined
  let onAbort: () => void
  const end = async (reason?: unknown): Promise<void> => {
    signal?.removeEventListener("abort", onAbort)
    stop.abort(reason)
    await writer?.close()
  }
  const readInto = async (room: Uint8Array): Promise<number> => {
    if (!writer) {
      const Writer = await tarWriter()
      stop.signal.throwIfAborted()
      writer = new Writer(filesystem, path, { ...options, signal: stop.signal })
    }
    return await filesystem.run("tar", path, writer.read(room), stop.signal)
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
          count = await readInto(room)
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

/** The bytes of a view of any kind. */
function bytesOf(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
