// SPDX-License-Identifier: MIT
/** Reading synchronously what can only be fetched: a thread of its own fetches, and this one waits for it. */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads"
import { ErofsError } from "../errors.js"
import type { AsyncSource, SyncSource } from "../source/source.js"
import type { Access } from "./access.js"
import { openRemote } from "./remote.js"

/**
 * Opens what is no file, to be read in the background or at once. For the latter a thread fetches, and reads ahead where
 * reads go on; it is started when it is needed.
 */
export async function openRemoteForAll(name: string, access: Access): Promise<AsyncSource & SyncSource> {
  const source = await openRemote(name, access)
  let thread: FetchingThread | undefined
  return {
    size: source.size,
    name: source.name ?? name,
    ...(source.granularity !== undefined && { granularity: source.granularity }),
    isRemote: true,
    identity: source.identity,
    read: (target, offset, options) => source.read(target, offset, options),
    expect: (offset, length, options) => source.expect?.(offset, length, options),
    readSync(target, offset) {
      thread ??= new FetchingThread({ name, access, size: source.size, identity: source.identity })
      return thread.read(target, offset)
    },
    async close() {
      await thread?.end()
      await source.close?.()
    },
  }
}

/** What the thread is started with. */
export interface ThreadStart {
  name: string
  access: Access
  /** Size and identity that its file must have: those of the one that is open already. */
  size: number
  identity: string | undefined
}

/** Asks the thread for bytes; without a range, to end. */
export type ThreadRequest = { offset: number; length: number } | undefined

/** What the thread answers when it has been asked: bytes are in the shared buffer. */
export type ThreadAnswer = { count: number } | { code: ErofsError["code"]; reason: string }

/** Bytes that pass from one thread to the other at once. */
export const PASSED_BYTES = 1 << 20

/** What the shared words say: whether the last request has been answered, whether the thread has started. */
export const ANSWERED = 0
export const STARTED = 1
/** Milliseconds that a thread may take to start. */
const START_TIME = 60_000

/** A thread that reads a remote file for one that waits meanwhile. */
class FetchingThread {
  readonly #worker: Worker
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(PASSED_BYTES))
  readonly #signal = new Int32Array(new SharedArrayBuffer(8))
  readonly #port: MessageChannel["port1"]

  constructor(start: ThreadStart) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const workerData = { start, bytes: this.#bytes, signal: this.#signal, port: port2 }
    this.#worker = new Worker(new URL("./remote-thread.js", import.meta.url), {
      workerData,
      transferList: [port2],
    })
    this.#worker.unref()
  }

  /** Like {@link SyncSource.readSync}. */
  read(target: Uint8Array, offset: number): number {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, PASSED_BYTES)
      const count = this.#ask({ offset: offset + done, length })
      target.set(this.#bytes.subarray(0, count), done)
      done += count
      if (count < length) return done
    }
    return target.length
  }

  /** Lets the thread finish what it keeps. */
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve))
    this.#worker.ref()
    this.#port.postMessage(undefined satisfies ThreadRequest)
    await ended
    this.#port.close()
  }

  #ask(request: ThreadRequest): number {
    // Nobody can tell one who waits that the thread could not be started.
    if (Atomics.wait(this.#signal, STARTED, 0, START_TIME) === "timed-out") {
      throw new ErofsError("EIO", "the thread that fetches does not start")
    }
    Atomics.store(this.#signal, ANSWERED, 0)
    this.#port.postMessage(request)
    Atomics.wait(this.#signal, ANSWERED, 0)
    const answer = receiveMessageOnPort(this.#port)?.message as ThreadAnswer
    if ("count" in answer) return answer.count
    throw new ErofsError(answer.code, answer.reason)
  }
}
