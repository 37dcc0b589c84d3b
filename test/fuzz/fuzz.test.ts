// SPDX-License-Identifier: MIT
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { type ListedImage, readIndex } from "../support/image-set.js"
import { type Case, everyField, randomCase, truncations } from "./cases.js"
import { Fuzzer } from "./fuzzer.js"
import { type Subject, subjectOf } from "./structures.js"

const FOLDER = fileURLToPath(new URL("../fixtures/images/", import.meta.url))
const SEED = 20250703
/** Between them: every data layout, index, codec and special inode. */
const NAMES = [
  "share-new-default-name",
  "small-xattr-prefixes-metabox",
  "lz4-ztailpacking",
  "lz4-legacy",
  "lz4-dedupe-fragments",
  "zstd-48bit-dedupe-fragments",
  "zstd-all-metabox",
  "lzma-48bit",
  "sizes-b512-deflate-48bit",
  "chunk-blobdev",
  "tar-index",
]
/** Milliseconds that the slowest machine may take. */
const TIME = 60_000
const listed = readIndex(FOLDER)

describe("damaged images give data or an ErofsError, and leave the pool in order", () => {
  let fuzzer: Fuzzer
  const subjects = new Map<string, Subject>()

  beforeAll(async () => {
    for (const name of NAMES) {
      const image = listed.find((one) => one.name === name) as ListedImage
      subjects.set(name, await subjectOf(FOLDER, image))
    }
    fuzzer = await Fuzzer.create(subjects.get("share-new-default-name") as Subject, SEED)
  }, TIME)

  async function failuresOf(cases: Iterable<Case>): Promise<string[]> {
    const failures: string[] = []
    for (const one of cases) failures.push(...(await fuzzer.run(one)))
    return failures
  }

  it.each(NAMES)("%s, cut at every 512 bytes of its metadata", { timeout: TIME }, async (name) => {
    expect(await failuresOf(truncations(subjects.get(name) as Subject))).toEqual([])
  })

  it.each(NAMES)("%s, field by field", { timeout: TIME }, async (name) => {
    const cases = [...everyField(subjects.get(name) as Subject, SEED)].filter((_, i) => i % 24 === 0)
    expect(await failuresOf(cases)).toEqual([])
  })

  it.each(NAMES)("%s, at random", { timeout: TIME }, async (name) => {
    const subject = subjects.get(name) as Subject
    const cases = Array.from({ length: 30 }, (_, i) => randomCase(subject, SEED, i))
    expect(await failuresOf(cases)).toEqual([])
  })
})
