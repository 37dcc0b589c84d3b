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

/** A port as Node, Deno and Bun have it: they tell of its end, and it may keep a process alive. Browsers do neither. */
type NodePort = MessagePort & { unref?: () => void }

/**
 * Calls back when the other end of a port is closed, which the end of its thread does too. In browsers the other end
 * says which lock it holds as long as it lives; see {@link enter}.
 */
export function whenClosed(port: MessagePort, callback: () => void): void {
  port.addEventListener("close", callback, { once: true })
  port.addEventListener("message", ({ data }: MessageEvent<{ lock: string }>) => {
    navigator.locks.request(data.lock, callback)
  })
  // Node only hears of the end of ports that have been started.
  port.start()
  letExit(port)
}

/** The other end's part: lets {@link whenClosed} notice when this thread ends. Answers how to leave before. */
export function enter(port: MessagePort): () => void {
  letExit(port)
  if ("unref" in port || !globalThis.navigator?.locks) return () => port.close()
  const lock = `erofs-wasm ${crypto.randomUUID()}`
  let leave = (): void => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  navigator.locks.request(lock, () => {
    port.postMessage({ lock })
    return left
  })
  return leave
}

/** Keeps a port from keeping a process alive. */
function letExit(port: NodePort): void {
  port.unref?.()
}
