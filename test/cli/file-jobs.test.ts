// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { type FileJob, packJobs, unpackJobs } from "../../src/cli/file-jobs.js"

function job(nid: bigint, source: string, flags: Partial<FileJob> = {}): FileJob {
  return { nid, source, target: `/tmp/out${source}`, isPlain: false, hasXattrs: false, ...flags }
}

describe("jobs between threads", () => {
  it.each([
    ["none", []],
    ["one", [job(36n, "/a")]],
    [
      "numbers beyond 2^53, names that are not UTF-8, flags",
      [
        job((1n << 63n) | 5n, "/metabox", { isPlain: true }),
        job(2n ** 60n, "/\udcff\udc80 not UTF-8", { hasXattrs: true }),
        job(0n, "/ä\n\ud83d\ude00", { isPlain: true, hasXattrs: true }),
        job(1n, "", {}),
      ],
    ],
  ])("come out as they went in: %s", (_, jobs) => {
    expect(unpackJobs(structuredClone(packJobs(jobs)))).toEqual(jobs)
  })
})
