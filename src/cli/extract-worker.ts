// SPDX-License-Identifier: MIT
/** A thread of `extract`. */
import type { Round } from "./crew.js"
import { serve } from "./crew-worker.js"
import { type PackedJobs, unpackJobs } from "./file-jobs.js"
import { FileMaker, type FileResult, type FileSettings } from "./file-maker.js"

serve((image, settings: FileSettings) => {
  const maker = new FileMaker(image, settings)
  return (round: Round<PackedJobs>): Promise<FileResult> =>
    maker.work({ ...round, jobs: unpackJobs(round.jobs) })
})
