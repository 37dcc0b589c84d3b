// SPDX-License-Identifier: MIT
/** A thread of `check`. */
import { ContentChecker } from "./content-checker.js"
import { serve } from "./crew-worker.js"

await serve((image) => {
  const checker = new ContentChecker(image)
  return (round: Parameters<ContentChecker["work"]>[0]) => checker.work(round)
})
