// SPDX-License-Identifier: MIT
// Chooses the frames of test/fixtures/zstd: node build/js/test/support/zstdFixtures.js test/fixtures/zstd
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { randomOf, sample, sampleKinds } from "./samples.js"
import { type FrameOptions, NativeZstd } from "./zstd.js"
import { compressedBlock, frame, rawBlock, rleLiterals, rleSequences } from "./zstdFrames.js"
import { STRUCTURES, structuresOf } from "./zstdInspect.js"

const folder = process.argv[2]
if (folder === undefined) throw new Error("which folder?")
const native = NativeZstd.build()
if (!native) throw new Error("needs a C compiler and libzstd")

const random = randomOf(1)
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
const jobs: { content: Uint8Array; options: FrameOptions }[] = []
for (let seed = 0; seed < 6000; seed++) {
  const length = Math.floor(2 ** (random() * (seed % 20 ? 14 : 18)))
  const options = {
    level: pick([-5, -1, 1, 3, 5, 9, 15, 19, 22]),
    windowLog: pick([0, 10, 12, 15, 17, 20]),
    checksum: random() < 0.3,
    contentSize: random() < 0.6,
    flush: random() < 0.5 ? 0 : pick([10, 100, 300, 1000, 5000, 20000]),
  }
  jobs.push({ content: sample(pick(sampleKinds), length, seed), options })
}
const frames = native.compress(jobs)
native.dispose()

const candidates = jobs
  .map(({ content, options }, index) => {
    const frame = frames[index] as Uint8Array
    return { content, options, frame, structures: structuresOf(frame) }
  })
  .sort((a, b) => a.frame.length - b.frame.length)
// One of each block structure alone or nearly so, smallest first; then what is still missing.
const missing = new Set(STRUCTURES)
for (const name of ["content size of 8 bytes", "number of sequences in 3 bytes"]) missing.delete(name)
for (const bytes of [2, 3]) missing.delete(`rle literals, header of ${bytes} bytes`)
const digests: Record<string, { length: number; sha256: string }> = {}
for (const structure of [...missing].reverse()) {
  if (!missing.has(structure)) continue
  const chosen = candidates.find(({ structures, content }) => content.length > 0 && structures.has(structure))
  if (!chosen) {
    console.error("nothing has", structure)
    continue
  }
  for (const name of chosen.structures) missing.delete(name)
  save(structure.replace(/[^\w]+/g, "-").toLowerCase(), chosen.frame, chosen.content)
}
// A content size of 8 bytes and an empty dictionary id, which the library never writes.
const plain = candidates.find(
  ({ structures, content }) => structures.has("content size of 0 bytes") && content.length > 300,
)
if (plain) {
  const header = new Uint8Array(4 + 1 + 1 + 4 + 8)
  header.set(plain.frame.subarray(0, 6))
  header[4] = ((plain.frame[4] ?? 0) & 4) | (3 << 6) | 3
  new DataView(header.buffer).setBigUint64(10, BigInt(plain.content.length), true)
  save("content-size-of-8-bytes", Buffer.concat([header, plain.frame.subarray(6)]), plain.content)
}
// Structures that the library hardly ever writes.
const codes = { literalsLength: 0, offset: 2, matchLength: 0 }
const offsets = Array.from({ length: 33000 }, () => Math.floor(random() * 4))
const many = [1, 2, 3, 4]
for (const bits of offsets) for (let i = 0; i < 3; i++) many.push(many[many.length - 1 - bits] as number)
const sequences = rleSequences(
  codes,
  offsets.map((bits) => [[bits, 2]]),
)
save(
  "number-of-sequences-in-3-bytes",
  frame([rawBlock([1, 2, 3, 4]), compressedBlock([0, ...sequences], true)]),
  Uint8Array.from(many),
)
for (const bytes of [2, 3]) {
  save(
    `rle-literals-header-of-${bytes}-bytes`,
    frame([compressedBlock([...rleLiterals(7, 1000, bytes), 0], true)]),
    new Uint8Array(1000).fill(7),
  )
}
writeFileSync(join(folder, "digests.json"), `${JSON.stringify(digests, null, 2)}\n`)

function save(name: string, frame: Uint8Array, content: Uint8Array): void {
  writeFileSync(join(folder as string, `${name}.zst`), frame)
  digests[name] = { length: content.length, sha256: createHash("sha256").update(content).digest("hex") }
}
