// SPDX-License-Identifier: MIT
/** Images with a sparse file above 4 GiB, which takes seconds to read whole. */
import { createHash } from "node:crypto"
import type { Image } from "../../src/index.node.js"
import type { Expected, ListedImage } from "../support/image-set.js"
import type { Difference } from "./compare.js"

const TAG = "slow-to-read-whole"

/** The big file of the image sets, and what Linux reads at its beginning, at 2 GiB, and from 4 GiB - 64 KiB to its end. */
const HUGE_FILE = "/above-4g"
const HUGE_PIECES = [
  [0, 65536, "5491a57c37af7ac8e3257b720b76abbc5e620e7549475daea72cb3ec411b0528"],
  [2147479552, 8192, "9f1dcbc35c350d6027f98be0f5c8b43b42ca52b7604459c0c42be3aa88913d47"],
  [4294901760, 77881, "f1f2120eea7ebbb6fde7226154c1081fd60d8ed2835bf477a0ca5324ec2c0155"],
] as const

/** Whether an image holds such a file. */
export function isHuge({ tags }: ListedImage): boolean {
  return tags?.includes(TAG) ?? false
}

/** Everything but the digests of huge files; of those the pieces in which something lies. */
export async function compareHuge(
  image: Image,
  expected: ReadonlyMap<string, Expected>,
): Promise<Difference[]> {
  const differences: Difference[] = []
  for await (const entry of image.walk("/")) {
    const want = expected.get(entry.path)
    if (!want) differences.push({ path: entry.path, key: "", got: "there", want: "missing" })
    else if (Number(entry.stats.size) !== want.size) {
      differences.push({
        path: entry.path,
        key: "size",
        got: String(entry.stats.size),
        want: String(want.size),
      })
    }
  }
  await using file = await image.open(HUGE_FILE)
  for (const [from, length, sha256] of HUGE_PIECES) {
    const piece = new Uint8Array(length + 1)
    const count = await file.read(piece, from)
    const got = createHash("sha256")
      .update(piece.subarray(0, Math.min(count, length)))
      .digest("hex")
    if (got !== sha256) differences.push({ path: HUGE_FILE, key: `sha256 at ${from}`, got, want: sha256 })
  }
  return differences
}
