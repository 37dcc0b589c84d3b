// SPDX-License-Identifier: MIT
// A thread that comes into a pool and reads its images at random through the public API, comparing every byte with what
// the parent says is right. Plain JavaScript, as a thread of Node loads it; it reads the built package.
import { parentPort, workerData } from "node:worker_threads"
import { openFileSync, PagePool } from "../../dist/index.node.js"

const { handle, images, seed, milliseconds, isSync } = workerData
const counts = { reads: 0, views: 0, advices: 0, mounts: 0, bytes: 0, wrong: [], refused: 0 }

let state = seed * 2654435761
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

function compare(bytes, file, position) {
  counts.bytes += bytes.length
  if (Buffer.compare(bytes, file.bytes.subarray(position, position + bytes.length)) === 0) return
  if (counts.wrong.length < 10) counts.wrong.push(`${file.path} at ${position}`)
}

/** A pool much smaller than the data may be full of what others hold: that is an answer, too. */
async function allow(operation) {
  try {
    await operation()
  } catch (error) {
    if (error.code !== "ENOMEM") throw error
    counts.refused++
  }
}

const pool = await PagePool.attach(handle)
const mounts = images.map((one) => mount(one, true))
const views = []

/** Mounts an image: as the one that all workers share, or as one of its own. */
function mount(one, isShared) {
  const options = isShared ? { image: one.handle } : {}
  return pool.mountSync(openFileSync(one.file), { domain: one.domain, ...options })
}

async function read(image, { files }) {
  const file = files[random(files.length)]
  const position = random(file.bytes.length)
  const length = Math.min(1 + random(1 << (4 + random(14))), file.bytes.length - position)
  const open = image.openSync(file.path)
  try {
    const into = new Uint8Array(length)
    const direct = random(16) === 0
    const count =
      isSync || random(2) === 0
        ? open.readSync(into, position, { direct })
        : await open.read(into, position, { direct })
    compare(into.subarray(0, count), file, position)
    if (count !== length) counts.wrong.push(`${file.path}: ${count} of ${length} bytes`)
    counts.reads++
    if (random(8) === 0) advise(open)
    if (random(6) === 0) map(open, file)
  } finally {
    open.closeSync()
  }
}

function map(open, file) {
  const page = random(Math.ceil(file.bytes.length / 4096))
  const position = page * 4096
  const view = open.map(position, Math.min(1 + random(40_000), file.bytes.length - position))
  views.push({ view, file })
  compare(Buffer.from(view.copySync()), file, position)
  counts.views++
  while (views.length > 3) views.shift().view.dispose()
}

function advise(open) {
  const advices = ["willneed", "sequential", "random", "normal", "noreuse", "dontneed", "dontneed"]
  const scope = random(2) === 0 ? "own" : "shared"
  const advice = advices[random(advices.length)]
  open.adviseSync(advice, advice === "dontneed" ? { scope } : {})
  counts.advices++
}

const until = Date.now() + milliseconds
parentPort.postMessage("ready")
while (Date.now() < until) {
  for (let i = 0; i < 20; i++) {
    const number = random(images.length)
    if (random(40) === 0) {
      const image = mount(images[number], false)
      await allow(() => read(image, images[number]))
      while (views.length > 0) views.shift().view.dispose()
      image.closeSync()
      counts.mounts++
    } else await allow(() => read(mounts[number], images[number]))
    for (const { view, file } of views) {
      const length = Math.min(100, view.length)
      await allow(() => compare(Buffer.from(view.bytesSync(0, length)), file, view.position))
    }
  }
  // Lets messages and waiting operations come through.
  await new Promise((resolve) => setImmediate(resolve))
}
for (const { view } of views) view.dispose()
await pool.close()
parentPort.postMessage(counts)
