// SPDX-License-Identifier: MIT
/** Long work in short pieces. */

/** Milliseconds of work after which the page gets its turn: less than a frame of the screen. */
const TURN = 8

let lastTurn = 0

/** Lets the page draw and answer clicks if work has gone on for a while. Throws when the signal is aborted. */
export async function breathe(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  if (performance.now() - lastTurn < TURN) return
  await nextTurn()
  lastTurn = performance.now()
  signal?.throwIfAborted()
}

/** A timer that gives up when the signal is aborted, with its reason. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop)
      resolve()
    }, milliseconds)
    signal.addEventListener("abort", stop, { once: true })
  })
}

/** A task of its own, behind what waits already; timers would be slowed down to 4 ms each. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
