// SPDX-License-Identifier: MIT
// A page that reads one image by every source that browsers have, here and in a module worker.
import * as erofs from "/erofs/erofs-wasm.js"
import { digests } from "/programs/everywhere.js"

const worker = new Worker("/pages/worker.js", { type: "module" })

function ask(request) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer))
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(request)
  })
}

async function run() {
  const blob = await (await fetch("/images/four-algorithms.erofs")).blob()
  const root = await navigator.storage.getDirectory()
  const handle = await root.getFileHandle("image.erofs", { create: true })
  const writable = await handle.createWritable()
  await writable.write(blob)
  await writable.close()
  const fromOpfs = await erofs.opfsSource(handle)
  return {
    blob: await digests(erofs, erofs.blobSource(blob)),
    file: await digests(erofs, erofs.blobSource(new File([blob], "image.erofs"))),
    opfs: await digests(erofs, fromOpfs),
    opfsName: fromOpfs.name,
    workerBlob: await ask({ task: "blob", blob }),
    workerOpfs: await ask({ task: "opfs", name: "image.erofs" }),
    workerApis: await ask({ task: "apis", blob }),
  }
}

globalThis.answer = run()
