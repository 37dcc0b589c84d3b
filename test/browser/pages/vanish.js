// SPDX-License-Identifier: MIT
// Workers of an isolated page that are ended before, while and after they come into its pool: more of them than it has places.
import * as erofs from "/erofs/erofs-wasm.js"

const PLACES = 2
const MOMENTS = [0, 1, 2, 4, 8, 16, 32, 64, 128]

async function run() {
  const pool = await erofs.PagePool.create({ bytes: 1 << 20, shared: true, workers: PLACES })
  for (const moment of MOMENTS) {
    for (const task of ["attach", "nothing at all"]) {
      const handle = pool.share()
      const worker = new Worker("/pages/pool-worker.js", { type: "module" })
      worker.postMessage({ task, handle, bytes: new Uint8Array(0), imageHandle: undefined }, [handle.port])
      await after(moment)
      worker.terminate()
      await after(20)
      // Of one that had come in the pool hears by itself, of one that had not it never does.
      pool.detach(handle)
    }
  }
  const { framesPinned, framesBusy } = pool.stats()
  return { framesPinned, framesBusy, place: pool.share().place }
}

const after = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

globalThis.answer = run()
