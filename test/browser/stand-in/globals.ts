// SPDX-License-Identifier: MIT
/** Names that tests take for granted in Node. */
import { Buffer } from "buffer"

/** Runs something once what is queued now is done: a message, as timers of pages may be held back. */
function setImmediate(run: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    run()
  }
  port2.postMessage(undefined)
}

Object.assign(globalThis, { Buffer, setImmediate, process: { env: {} } })
