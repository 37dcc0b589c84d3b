// SPDX-License-Identifier: MIT
/** What a worker needs to come into a pool, and how the one who let it in learns that it has gone. */
import type { Sharing } from "./engine.js"

/**
 * A place in a pool, for one worker: from `PagePool.share`, for `PagePool.attach`. Post it with its port in the transfer
 * list: `worker.postMessage(handle, [handle.port])`.
 */
export interface PoolHandle {
  readonly memory: WebAssembly.Memory
  readonly module: WebAssembly.Module
  readonly place: number
  readonly sharing: readonly Sharing[]
  /** Open as long as the worker lives: its end tells the other side that the place is free. */
  readonly port: MessagePort
}

/** Calls back once when the other end of a port is closed, which the end of its thread does too. */
export function whenClosed(port: MessagePort, callback: () => void): void {
  port.addEventListener("close", callback, { once: true })
  // Node only hears of the end of ports that have been started.
  port.start()
  letExit(port)
}

/** Keeps a port from keeping a process of Node alive; other runtimes have no such thing. */
export function letExit(port: MessagePort & { unref?: () => void }): void {
  port.unref?.()
}
