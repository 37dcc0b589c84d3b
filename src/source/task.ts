// SPDX-License-Identifier: MIT

/**
 * Calls back when everything that can go on without waiting has done so. Timers would do, but pages in the background
 * get theirs only once a second.
 */
export function nextTask(callback: () => void): void {
  if (typeof MessageChannel === "undefined") {
    setTimeout(callback, 0)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(0)
}
