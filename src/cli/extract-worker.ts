// SPDX-License-Identifier: MIT
/** A thread of `extract`. */
import { serve } from "./crew-worker.js"
import { FileMaker, type FileSettings } from "./file-maker.js"

await serve((image, settings: FileSettings) => {
  const maker = new FileMaker(image, settings)
  return (round: Parameters<FileMaker["work"]>[0]) => maker.work(round)
})
