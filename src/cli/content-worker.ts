// SPDX-License-Identifier: MIT
/** A thread of `check` and `fingerprint`. */
import { ContentReader, type ContentSettings } from "./content-reader.js"
import { serve } from "./crew-worker.js"

serve((image, settings: ContentSettings) => {
  const reader = new ContentReader(image, settings)
  return (round: Parameters<ContentReader["work"]>[0]) => reader.work(round)
})
