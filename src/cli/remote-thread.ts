// SPDX-License-Identifier: MIT
/** The thread that fetches for one that waits: see fetching-thread.ts. */
import { type MessagePort, workerData } from "node:worker_threads"
import { ErofsError, isErofsError } from "../errors.js"
import type { AsyncSource } from "../source/source.js"
import {
  ANSWERED,
  STARTED,
  type ThreadAnswer,
  type ThreadRequest,
  type ThreadStart,
} from "./fetching-thread.js"
import { openRemote } from "./remote.js"
import { StreamReader } from "./stream-reader.js"

const { start, bytes, signal, port } = workerData as {
  start: ThreadStart
  bytes: Uint8Array
  signal: Int32Array
  port: MessagePort
}

/** Opens the file, which must be the one that the other thread has open. */
async function open(): Promise<AsyncSource> {
  const source = await openRemote(start.name, start.access, { hasBeginning: true })
  if (source.size === start.size && source.identity === start.identity) return source
  throw new ErofsError("ESTALE", `${source.name}: the file has changed while it was being read`)
}

let opened: Promise<StreamReader> | undefined

async function answer(request: { offset: number; length: number }): Promise<ThreadAnswer> {
  try {
    opened ??= open().then((source) => new StreamReader(source))
    const reader = await opened
    return { count: await reader.read(bytes.subarray(0, request.length), request.offset) }
  } catch (error) {
    if (isErofsError(error)) return { code: error.code, reason: error.reason }
    return { code: "EIO", reason: error instanceof Error ? error.message : String(error) }
  }
}

async function end(): Promise<void> {
  const reader = await opened?.catch(() => undefined)
  await reader?.close()
  // Connections that are kept open would keep the thread for seconds.
  process.exit()
}

port.on("message", async (request: ThreadRequest) => {
  if (!request) return await end()
  port.postMessage(await answer(request))
  raise(ANSWERED)
})
raise(STARTED)

function raise(word: number): void {
  Atomics.store(signal, word, 1)
  Atomics.notify(signal, word)
}
