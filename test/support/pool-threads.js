// SPDX-License-Identifier: MIT
// Two threads on one pool, as a process of its own so that V8 can be told by which compiler: prints what they counted.
// Arguments: the core's file, milliseconds. Plain JavaScript, as Node runs it directly.
import { readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"

const [, , file, milliseconds] = process.argv
const PAGE = 4096
const sizes = [160, 64, 3]
const filePages = 120
const module = new WebAssembly.Module(readFileSync(file))

function instantiate(memory) {
  return new WebAssembly.Instance(module, { env: { memory } }).exports
}

function memoryOf(pages) {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
}

const memory = memoryOf(Math.ceil(instantiate(memoryOf(2)).poolBytes(...sizes) / 65536))
const core = instantiate(memory)
core.createPool(...sizes, false)
const worker = core.joinPool(core.takePlace())
const bytes = new Uint8Array(memory.buffer)
const spaces = [0, 1, 2].map((number) => {
  bytes[core.exchangeAt(worker)] = number
  return core.openSpace(worker, 3, 0, 1, filePages * PAGE, 1, 0)
})
/** Word 0: the space; 4: the size; 20: bits of a block; 29: the mount. See ContentDescription. */
const contents = spaces.map((space) => {
  const words = new Uint32Array(35)
  words.set([space], 0)
  words.set([filePages * PAGE], 4)
  words.set([12], 20)
  words.set([1], 29)
  return words
})
const all = await Promise.all(
  [1, 2].map(
    (seed) =>
      new Promise((resolve, reject) => {
        const thread = new Worker(new URL("pool-worker.js", import.meta.url), {
          workerData: {
            module,
            memory,
            spaces,
            contents,
            filePages,
            seed,
            milliseconds: Number(milliseconds),
            slots: 3,
          },
        })
        thread.once("message", resolve)
        thread.once("error", reject)
      }),
  ),
)
console.log(JSON.stringify(all))
