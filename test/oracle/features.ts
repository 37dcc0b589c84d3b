// SPDX-License-Identifier: MIT
/**
 * Compares every image of a folder with its recorded manifest.
 *
 *     npm run oracle -- DIR [--quick] [--only NAME]... [--plain] [--bytes POOL]
 *
 * One line per difference, then `N equal, N different, N not supported`; exit code 1 if any differs. `--quick` reads
 * sparse files above 4 GiB only where something lies in them.
 */
import { createHash } from "node:crypto"
import { parseArgs } from "node:util"
import { type Image, isErofsError, PagePool } from "../../src/index.node.js"
import {
  type Expected,
  type ListedImage,
  mountListed,
  readExpected,
  readIndex,
} from "../support/image-set.js"
import { compareImage, type Difference, lineOf } from "./compare.js"

const SLOW = "slow-to-read-whole"

/** The big file of the image sets, and what Linux reads at its beginning, at 2 GiB, and from 4 GiB - 64 KiB to its end. */
const HUGE_FILE = "/above-4g"
const HUGE_PIECES = [
  [0, 65536, "5491a57c37af7ac8e3257b720b76abbc5e620e7549475daea72cb3ec411b0528"],
  [2147479552, 8192, "9f1dcbc35c350d6027f98be0f5c8b43b42ca52b7604459c0c42be3aa88913d47"],
  [4294901760, 77881, "f1f2120eea7ebbb6fde7226154c1081fd60d8ed2835bf477a0ca5324ec2c0155"],
] as const

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    plain: { type: "boolean", default: false },
    bytes: { type: "string" },
  },
})
const [folder] = positionals
if (folder === undefined) {
  console.error("usage: oracle DIR [--quick] [--only NAME]... [--plain] [--bytes POOL]")
  process.exit(2)
}
const counts = { equal: 0, different: 0, unsupported: 0 }
for (const listed of readIndex(folder)) {
  if (options.only.length > 0 && !options.only.includes(listed.name)) continue
  counts[await compareListed(folder, listed)]++
}
console.log(`${counts.equal} equal, ${counts.different} different, ${counts.unsupported} not supported`)
process.exitCode = counts.different > 0 ? 1 : 0

/** Everything but the digests of huge files; of those the pieces in which something lies. */
async function compareQuickly(image: Image, expected: Map<string, Expected>): Promise<Difference[]> {
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

async function compareListed(from: string, listed: ListedImage): Promise<keyof typeof counts> {
  const pool = await PagePool.create({
    shared: !options.plain,
    ...(options.bytes && { bytes: Number(options.bytes) }),
  })
  try {
    const isQuick = options.quick && (listed.tags ?? []).includes(SLOW)
    const image = await mountListed(pool, from, listed)
    const expected = readExpected(from, listed.manifest)
    const differences = isQuick ? await compareQuickly(image, expected) : await compareImage(image, expected)
    for (const difference of differences) console.log(lineOf(listed.name, difference))
    return differences.length === 0 ? "equal" : "different"
  } catch (error) {
    const isUnsupported = isErofsError(error, "ENOTSUP")
    console.log(`${listed.name}: ${error instanceof Error ? error.message : String(error)}`)
    return isUnsupported ? "unsupported" : "different"
  } finally {
    await pool.close()
  }
}
