// SPDX-License-Identifier: MIT
/**
 * Uses damaged images in every way: each outcome must be data or an ErofsError.
 *
 *     npm run fuzz -- COUNT SEED [--images DIR] [--only TEXT]... [--seconds N] [--replay IMAGE:KIND:NUMBER]
 *
 * First every image cut at every 512 bytes of its metadata, then every verb on some fields of every kind, then COUNT
 * random ones (`--no-systematic` for these alone). A failing case is printed with the id that `--replay` takes.
 */
import { parseArgs } from "node:util"
import { readIndex } from "../support/image-set.js"
import { type Case, caseOf, everyField, randomCase, truncations } from "./cases.js"
import { Fuzzer } from "./fuzzer.js"
import { type Subject, subjectOf } from "./structures.js"

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: "string", default: "test/fixtures/images" },
    only: { type: "string", multiple: true, default: [] },
    seconds: { type: "string" },
    replay: { type: "string" },
    "no-systematic": { type: "boolean", default: false },
  },
})
const [count, seed] = positionals.map(Number)
if (count === undefined || seed === undefined || Number.isNaN(count + seed)) {
  console.error("usage: fuzz COUNT SEED [--images DIR] [--only TEXT]... [--seconds N] [--replay ID]")
  process.exit(2)
}
const start = performance.now()
const until = start + 1000 * Number(options.seconds ?? Number.POSITIVE_INFINITY)
const subjects: Subject[] = []
for (const listed of readIndex(options.images)) {
  const isWanted = options.only.length === 0 || options.only.some((text) => listed.name.includes(text))
  if (isWanted || listed.name === options.replay?.split(":")[0]) {
    subjects.push(await subjectOf(options.images, listed))
  }
}
const fuzzer = await Fuzzer.create(subjects[0] as Subject, seed)
const begun = { cases: 0, cut: 0, field: 0, random: 0, failed: 0 }
const cases = options.replay ? [caseOf(subjects, seed, options.replay)] : casesOf(subjects, count, seed)
for (const one of cases) {
  if (performance.now() > until) break
  begun.cases++
  begun[one.id.split(":")[1] as "cut" | "field" | "random"]++
  const failures = await fuzzer.run(one)
  if (failures.length > 0) begun.failed++
  for (const failure of failures) console.log(failure)
}
const seconds = (performance.now() - start) / 1000
const rss = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(
  `${begun.cases} damaged images (${begun.cut} cut, ${begun.field} by field, ${begun.random} random) of ` +
    `${subjects.length}, ${begun.failed} failed; ${seconds.toFixed(0)} s, at most ${rss} MiB resident; ` +
    `outcomes ${fuzzer.outcomes}`,
)
process.exitCode = begun.failed > 0 ? 1 : 0

function* casesOf(all: readonly Subject[], random: number, from: number): Generator<Case> {
  if (!options["no-systematic"]) {
    for (const subject of all) {
      yield* truncations(subject)
      yield* everyField(subject, from)
    }
  }
  for (let i = 0; i < random; i++) yield randomCase(all[i % all.length] as Subject, from, i)
}
