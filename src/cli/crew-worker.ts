// SPDX-License-Identifier: MIT
/** The other side of a crew: what each of its threads does. */
import { parentPort } from "node:worker_threads"
import type { Image } from "../image.js"
import { PagePool } from "../pool.js"
import type { Round, WorkerStart } from "./crew.js"
import { mountFile } from "./mounted.js"

/** What a thread does with rounds of jobs. */
type Work<Jobs, Result> = (round: Round<Jobs>) => Result | Promise<Result>

/** Comes into the pool and mounts the image, once it is told which, then works on rounds until the thread is ended. */
export function serve<Settings, Jobs, Result>(
  begin: (image: Image, settings: Settings) => Work<Jobs, Result>,
): void {
  const prepare = async ({ pool: handle, mount, file, settings }: WorkerStart<Settings>) => {
    const pool = await PagePool.attach(handle)
    return begin(await mountFile(pool, file, { image: mount }), settings)
  }
  let prepared: Promise<Work<Jobs, Result>> | undefined
  parentPort?.on("message", async (message: WorkerStart<Settings> | Round<Jobs>) => {
    if (prepared) {
      const work = await prepared
      parentPort?.postMessage(await work(message as Round<Jobs>))
    } else {
      prepared = prepare(message as WorkerStart<Settings>)
    }
  })
}
