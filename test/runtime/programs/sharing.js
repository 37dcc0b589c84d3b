// SPDX-License-Identifier: MIT
// One pool and several workers, for every runtime that has them: how workers are started is the runtime's business.
import { digestsOf } from "./everywhere.js"

/** A worker's part: comes into the pool, reads what it is asked to. Answers every message with one. */
export function serveReader(erofs, post) {
  let pool
  let image
  const tasks = {
    async attach({ handle, bytes, imageHandle }) {
      pool = await erofs.PagePool.attach(handle)
      image = await pool.mount(erofs.bufferSource(bytes), { image: imageHandle })
      return pool.isShared
    },
    read: () => digestsOf(image),
    /** Pins pages, for a worker that will be ended while it holds them. */
    async hold() {
      globalThis.held = (await image.open("/text-300k")).map()
      return (await globalThis.held.page(3)).length
    },
    async close() {
      await pool.close()
      return true
    },
  }
  return async (message) => {
    try {
      post({ answer: await tasks[message.task](message) })
    } catch (error) {
      post({ error: String(error.stack) })
    }
  }
}

/** The other part: makes the pool, lets two workers in, says what they read and what that cost. */
export async function shareWithWorkers(erofs, bytes, startWorker) {
  const pool = await erofs.PagePool.create({ bytes: 8 << 20, shared: true })
  const image = await pool.mount(erofs.bufferSource(bytes))
  const workers = [startWorker(), startWorker()]
  const filledBy = async (work) => {
    const before = pool.stats().pagesFilled
    const answers = await work()
    return { answers, pagesFilled: pool.stats().pagesFilled - before }
  }
  const attached = []
  for (const worker of workers) {
    const handle = pool.share()
    attached.push(
      await worker.ask({ task: "attach", handle, bytes, imageHandle: image.share() }, [handle.port]),
    )
  }
  pool.drop()
  const first = await filledBy(() => workers[0].ask({ task: "read" }))
  const second = await filledBy(() => workers[1].ask({ task: "read" }))
  const here = await filledBy(() => digestsOf(image))
  pool.drop()
  const together = await filledBy(() =>
    Promise.all([...workers.map((worker) => worker.ask({ task: "read" })), digestsOf(image)]),
  )
  await workers[0].ask({ task: "hold" })
  const pinned = pool.stats().framesPinned
  await workers[0].end()
  await eventually(() => pool.stats().framesPinned === 0)
  await workers[1].ask({ task: "close" })
  await workers[1].end()
  await image.close()
  const { framesPinned, framesBusy } = pool.stats()
  return { attached, first, second, here, together, pinned, framesPinned, framesBusy }
}

/** Waits for what another thread's end brings about, which is told of later. */
async function eventually(condition) {
  for (let turn = 0; turn < 500 && !condition(); turn++)
    await new Promise((resolve) => setTimeout(resolve, 20))
}
