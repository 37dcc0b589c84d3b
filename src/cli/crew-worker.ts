// SPDX-License-Identifier: MIT
/** The other side of a crew: what each of its threads does. */
import { parentPort, workerData } from "node:worker_threads"
import type { Image } from "../image.js"
import { PagePool } from "../pool.js"
import type { Round, WorkerStart } from "./crew.js"
import { mountFile } from "./mounted.js"

/** Comes into the pool, mounts the image and works on rounds until the thread is ended. */
export async function serve<Settings, Jobs, Result>(
  begin: (image: Image, settings: Settings) => (round: Round<Jobs>) => Result | Promise<Result>,
): Promise<void> {
  const { pool: handle, mount, file, settings } = workerData as WorkerStart<Settings>
  // Rounds that come before the image is mounted wait in the port, which nobody listens to yet.
  const pool = await PagePool.attach(handle)
  const work = begin(await mountFile(pool, file, { image: mount }), settings)
  parentPort?.on("message", async (round: Round<Jobs>) => parentPort?.postMessage(await work(round)))
}
