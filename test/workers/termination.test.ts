// SPDX-License-Identifier: MIT
/** What a thread leaves behind that is terminated in the middle of something the system does for it. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MessageChannel, Worker } from "node:worker_threads"
import { afterAll, describe, expect, it } from "vitest"

const BYTES = 64 << 20
const folder = mkdtempSync(join(tmpdir(), "erofs-termination-"))
const file = join(folder, "zeros")
writeFileSync(file, "")
truncateSync(file, BYTES)
afterAll(() => rmSync(folder, { recursive: true }))

describe("a thread that is terminated while it reads a file in the background", () => {
  it("writes nothing into shared memory any more once its port is closed", async () => {
    for (let round = 0; round < 3; round++) {
      const memory = new SharedArrayBuffer(4 * BYTES)
      const { port1, port2 } = new MessageChannel()
      const worker = new Worker(new URL("../support/background-reader.js", import.meta.url), {
        workerData: { file, memory, port: port2 },
        transferList: [port2],
      })
      const closed = new Promise((resolve) => port1.once("close", resolve))
      await new Promise((resolve) => worker.once("message", resolve))
      worker.terminate()
      await closed
      // Now the memory is given to others: the file's zeros must not come over their ones.
      const words = new BigUint64Array(memory)
      words.fill(-1n)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(words.every((word) => word === 0xffff_ffff_ffff_ffffn)).toBe(true)
    }
  })
})
