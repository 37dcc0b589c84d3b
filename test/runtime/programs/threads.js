// SPDX-License-Identifier: MIT
// Workers of Node, Deno and Bun on one pool.
import { readFileSync } from "node:fs"
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import * as erofs from "erofs-wasm"
import { serveReader, shareWithWorkers } from "./sharing.js"

function startWorker() {
  const worker = new Worker(new URL(import.meta.url))
  return {
    ask: (message, transfer = []) =>
      new Promise((resolve, reject) => {
        worker.once("message", ({ error, answer }) => (error ? reject(new Error(error)) : resolve(answer)))
        worker.once("error", reject)
        worker.postMessage(message, transfer)
      }),
    end: () => worker.terminate(),
  }
}

if (isMainThread) {
  const bytes = new Uint8Array(readFileSync("images/four-algorithms.erofs"))
  console.log(JSON.stringify(await shareWithWorkers(erofs, bytes, startWorker)))
} else {
  const serve = serveReader(erofs, (message) => parentPort.postMessage(message))
  parentPort.on("message", serve)
}
