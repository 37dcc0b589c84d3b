// SPDX-License-Identifier: MIT
/** What a worker needs to come into a pool, and how the one who let it in learns that it has gone. */
import type { Sharing } from "./engine.js"
import { ErofsError } from "./errors.js"

/**
 * A place in a pool, for one worker: from `PagePool.share`, for `PagePool.attach`. Post it with its port in the transfer
 * list: `worker.postMessage(handle, [handle.port])`.
 */
export interface PoolHandle {
  readonly memory: WebAssembly.Memory
  readonly module: WebAssembly.Module
  /** Number of the place: another worker gets the same one later. */
  readonly place: number
  /** Number of the handle among those of its pool: no other has it. */
  readonly serial: number
  /** What the pool may be made as large as, in bytes. */
  readonly maxBytes: number
  readonly sharing: readonly Sharing[]
  /** Open as long as the worker lives: its end tells the other side that the place is free. */
  readonly port: MessagePort
}

/** A port as Node, Deno and Bun have it: they tell of its end, and it may keep a process alive. Browsers do neither. */
type NodePort = MessagePort & { unref?: () => void }

/** What a worker of a browser says: which lock it holds as long as it lives, or, where it can have none, that it leaves. */
type Word = { lock: string } | { leaves: true }

/** Ports by which this thread has come into pools. */
const entered = new WeakSet<MessagePort>()

/**
 * Calls back when the other end of a port is closed, which the end of its thread does too. In browsers the other end
 * says which lock it holds as long as it lives; see {@link enter}. Of a worker of a browser that ends before it has come
 * in nothing is heard.
 */
export function whenClosed(port: MessagePort, callback: () => void): void {
  port.addEventListener("close", callback, { once: true })
  port.addEventListener("message", ({ data }: MessageEvent<Word>) => {
    if ("lock" in data) navigator.locks.request(data.lock, callback)
    else callback()
  })
  // Node only hears of the end of ports that have been started.
  port.start()
  letExit(port)
}

/**
 * The other end's part: lets {@link whenClosed} notice from now on when this thread ends. Answers how to leave before.
 * Throws EBUSY the second time: there is one place only.
 */
export async function enter(port: MessagePort): Promise<() => void> {
  if (entered.has(port)) throw new ErofsError("EBUSY", "the handle has been used: each worker takes its own")
  entered.add(port)
  letExit(port)
  if ("unref" in port) return () => port.close()
  return (await holdLock(port)) ?? (() => port.postMessage({ leaves: true } satisfies Word))
}

/** Takes a lock that this thread holds until it ends or leaves, and tells its name; undefined where there are no locks. */
async function holdLock(port: MessagePort): Promise<(() => void) | undefined> {
  const { locks } = globalThis.navigator ?? {}
  if (!locks) return undefined
  const lock = `erofs-wasm ${crypto.randomUUID()}`
  return await new Promise((resolve) => {
    const hold = (): Promise<void> =>
      new Promise((leave) => {
        port.postMessage({ lock } satisfies Word)
        resolve(leave)
      })
    // Documents without an origin of their own are refused.
    locks.request(lock, hold).catch(() => resolve(undefined))
  })
}

/** Keeps a port from keeping a process alive. */
function letExit(port: NodePort): void {
  port.unref?.()
}
