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

/** As in Node, any array of bytes can be looked for. */
const { indexOf } = Buffer.prototype
Buffer.prototype.indexOf = function (this: Buffer, value: Uint8Array | string | number, ...rest: never[]) {
  return indexOf.call(this, value instanceof Uint8Array ? Buffer.from(value) : value, ...rest)
} as typeof indexOf

Object.assign(globalThis, { Buffer, setImmediate, process: { env: {} } })
