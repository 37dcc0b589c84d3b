// SPDX-License-Identifier: MIT
// An isolated page and two module workers on one pool.
import * as erofs from "/erofs/erofs-wasm.js"
import { shareWithWorkers } from "/programs/sharing.js"

function startWorker() {
  const worker = new Worker("/pages/pool-worker.js", { type: "module" })
  return {
    ask: (message, transfer = []) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data: { error, answer } }) =>
          error ? reject(new Error(error)) : resolve(answer)
        worker.onerror = ({ message }) => reject(new Error(message))
        worker.postMessage(message, transfer)
      }),
    end: () => worker.terminate(),
  }
}

async function run() {
  const bytes = new Uint8Array(await (await fetch("/images/four-algorithms.erofs")).arrayBuffer())
  return shareWithWorkers(erofs, bytes, startWorker)
}

globalThis.answer = run()
