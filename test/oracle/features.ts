// SPDX-License-Identifier: MIT
/**
 * Compares every image of a folder with its recorded manifest.
 *
 *     npm run oracle -- DIR [--quick] [--only NAME]... [--plain] [--bytes POOL]
 *
 * One line per difference, then `N equal, N different, N not supported`; exit code 1 if any differs. `--quick` reads
 * sparse files above 4 GiB only where something lies in them.
 */
import { parseArgs } from "node:util"
import { isErofsError, PagePool } from "../../src/index.node.js"
import { type ListedImage, mountListed, readExpected, readIndex } from "../support/image-set.js"
import { compareImage, lineOf } from "./compare.js"
import { compareHuge, isHuge } from "./huge.js"

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

async function compareListed(from: string, listed: ListedImage): Promise<keyof typeof counts> {
  const pool = await PagePool.create({
    shared: !options.plain,
    ...(options.bytes && { bytes: Number(options.bytes) }),
  })
  try {
    const isQuick = options.quick && isHuge(listed)
    const image = await mountListed(pool, from, listed)
    const expected = readExpected(from, listed.manifest)
    const differences = isQuick ? await compareHuge(image, expected) : await compareImage(image, expected)
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
