// SPDX-License-Identifier: MIT
// Makes test/fixtures/microlzma with liblzma: node build/js/test/support/make-microlzma.js (after
// npx tsc -p tsconfig.tools.json). Streams in one file, one after the other; index.json says what they are.
import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { EXTREME, NativeLzma } from "./microlzma.js"
import { makePlain, type Piece } from "./plain.js"

const native = NativeLzma.build()
if (!native) throw new Error("needs a C compiler and liblzma's headers, 5.4 or later")

const mixed: Piece[] = [
  { kind: "words", length: 20000, seed: 1 },
  { kind: "records", length: 9000, seed: 2 },
  { kind: "run", length: 5000, seed: 3 },
  { kind: "random", length: 3000, seed: 4 },
  { kind: "repeat", length: 7000, seed: 5 },
  { kind: "period", length: 3000, seed: 6 },
  { kind: "words", length: 9000, seed: 7 },
]
const large = makePlain([...mixed, { kind: "records", length: 200000, seed: 8 }, ...mixed])
const sized = (length: number): Uint8Array => makePlain([{ kind: "words", length, seed: length }])

const wanted = [
  ...[0, 1, 2, 3, 4, 7, 16, 17, 63, 300].map((length) => ({ plain: sized(length), lc: 3, lp: 0, pb: 2 })),
  ...[
    [3, 0, 2],
    [0, 0, 0],
    [4, 0, 4],
    [0, 4, 4],
    [2, 2, 1],
    [1, 3, 3],
    [0, 2, 0],
  ].map(([lc, lp, pb]) => ({
    plain: makePlain(mixed),
    lc: lc as number,
    lp: lp as number,
    pb: pb as number,
  })),
  { plain: large, lc: 3, lp: 0, pb: 2 },
  { plain: makePlain([{ kind: "random", length: 6000, seed: 9 }]), lc: 3, lp: 0, pb: 2 },
  { plain: new Uint8Array(1 << 20), lc: 3, lp: 0, pb: 2 },
].map((one, index) => ({
  ...one,
  limit: index % 3 === 1 ? 4096 : 65536,
  preset: index % 4 === 3 ? 9 | EXTREME : 6,
}))

const answers = native.run(wanted.map((one) => ({ what: "encode", ...one })))
const streams: Uint8Array[] = []
const index = answers.map(({ code, bytes }, i) => {
  if (!bytes) throw new Error("the encoder refused")
  const { plain, lc, lp, pb } = wanted[i] as (typeof wanted)[number]
  streams.push(bytes)
  const sha256 = createHash("sha256").update(plain.subarray(0, code)).digest("hex")
  return { lc, lp, pb, streamLength: bytes.length, plainLength: code, sha256 }
})

const folder = new URL("../../../../test/fixtures/microlzma/", import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL("streams.bin", folder), Buffer.concat(streams))
writeFileSync(new URL("index.json", folder), `${JSON.stringify(index, undefined, 2)}\n`)
