// SPDX-License-Identifier: MIT
// A thread that begins to read a file into shared memory in the background, and says so. It is terminated meanwhile.
import { parentPort, workerData } from "node:worker_threads"
import { openFileSync } from "../../dist/index.node.js"

// The port stays open as long as this thread lives.
const { file, memory, port } = workerData
const source = openFileSync(file)
const parts = 4
const length = memory.byteLength / parts
for (let i = 0; i < parts; i++) source.read(new Uint8Array(memory, i * length, length), 0, {})
parentPort.postMessage("reading")
port.ref()
