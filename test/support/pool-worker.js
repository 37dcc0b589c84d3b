// SPDX-License-Identifier: MIT
// One of several threads that read, fill and drop pages of one pool at random, and compare every page with what it
// must hold. Driven by test/assembly/concurrency.test.ts; plain JavaScript because it is loaded by a thread of Node.
import { parentPort, workerData } from "node:worker_threads"

const { module, memory, spaces, contents, filePages, seed, milliseconds, slots } = workerData
const PAGE = 4096
const core = new WebAssembly.Instance(module, { env: { memory } }).exports
const worker = core.joinPool(core.takePlace())
const bytes = new Uint8Array(memory.buffer)
const words = new Uint32Array(memory.buffer)
const counts = { reads: 0, fills: 0, drops: 0, wrong: 0, answers: {} }

let state = seed
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

/** Bytes of page `page` of file `file`: the same word all over. */
const stamp = (file, page) => (file * 0x01000193 + page * 0x9e3779b1 + 1) >>> 0

function check(address, file, page) {
  const first = address >>> 2
  const expected = stamp(file, page)
  for (let i = first; i < first + PAGE / 4; i++) {
    if (words[i] !== expected) {
      counts.wrong++
      return
    }
  }
}

function plan(slot, file, page, steal) {
  words.set(contents[file], slot >>> 2)
  const answer = core.planFill(worker, slot, page, 1 + random(12), steal ? 1 : 0)
  counts.answers[answer] = (counts.answers[answer] ?? 0) + 1
  return answer
}

function fetchAndFinish(slot, file) {
  const ranges = core.slotField(slot, 2)
  for (let range = 0; range < ranges; range++) {
    const offset = core.rangeField(slot, range, 0)
    const length = core.rangeField(slot, range, 1)
    const address = core.rangeField(slot, range, 2)
    for (let at = 0; at < length; at += PAGE) {
      const first = (address + at) >>> 2
      words.fill(stamp(file, (offset + at) / PAGE), first, first + PAGE / 4)
    }
  }
  counts.fills++
  return core.finishFill(slot)
}

const held = []
const suspended = new Map()
const until = Date.now() + milliseconds
while (Date.now() < until) {
  for (let i = 0; i < 50; i++) {
    const file = random(spaces.length)
    const page = random(filePages)
    const kind = random(100)
    if (kind < 60) {
      const address = core.acquire(worker, spaces[file], page, 1 + random(4), true) >>> 0
      if (address !== 0) {
        const run = words[worker >>> 2]
        for (let k = 0; k < run; k++) check(address + k * PAGE, file, page + k)
        if (random(8) === 0 && held.length < 4) held.push({ address, run, file, page })
        else core.release(worker, address, run)
        counts.reads++
      } else {
        const slot = core.slotAt(worker, 0)
        if (plan(slot, file, page, true) === 0) fetchAndFinish(slot, file)
      }
    } else if (kind < 80) {
      const number = 1 + random(slots)
      const slot = core.slotAt(worker, number)
      if (suspended.has(number)) {
        if (random(4) === 0) core.abortFill(slot)
        else fetchAndFinish(slot, suspended.get(number))
        suspended.delete(number)
      } else if (plan(slot, file, page, false) === 0) suspended.set(number, file)
    } else if (kind < 97) {
      const pin = held.shift()
      if (pin) {
        for (let k = 0; k < pin.run; k++) check(pin.address + k * PAGE, pin.file, pin.page + k)
        core.release(worker, pin.address, pin.run)
      }
    } else if (kind < 98) {
      random(4) === 0 ? core.dropAll(worker) : core.dropRange(worker, spaces[file], 0, 2 ** 52, 0)
      counts.drops++
    } else {
      // Spaces come and go beside those that are read.
      bytes.set([file, random(16)], core.exchangeAt(worker))
      const space = core.openSpace(worker, 1, 99, 2, 5, 99, 0)
      if (space > 0) core.releaseSpace(worker, space, 99)
    }
  }
}
for (const { address, run } of held) core.release(worker, address, run)
for (const number of suspended.keys()) core.abortFill(core.slotAt(worker, number))
parentPort.postMessage(counts)
