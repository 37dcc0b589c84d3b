// SPDX-License-Identifier: MIT
import type { SidecarEntry } from "../format/sidecar.js"
import type { Image } from "../image.js"
import type { PagePool } from "../pool.js"
import { type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { ContentCrew } from "./content-crew.js"
import type { ContentJob } from "./content-reader.js"
import { JOBS_OPTION, jobsOf } from "./crew.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { entriesOf, type ImageFile, imageFileOf, withImage } from "./mounted.js"
import { OUTPUT_OPTION, withOutput } from "./output.js"
import { Progress } from "./progress.js"
import { unpackError } from "./transport.js"

/** Files that are hashed together: other threads are sent what they are to do, a round at a time. */
const ROUND_FILES = 16384

/** Told of what cannot be read, which is then left out. */
type OnError = (error: unknown, path: string) => void

/** `fingerprint`: digests of all files, for images that carry none. */
export const fingerprint: Command = {
  name: "fingerprint",
  summary: "Hashes every file of an image into a small file of fingerprints, so that it can share pages.",
  usage: "-o FILE IMAGE",
  options: [
    OUTPUT_OPTION,
    { name: "keep-going", help: "leave out what cannot be read; the exit code is 1 all the same" },
    JOBS_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "For images made without mkfs.erofs --xattr-inode-digest. FILE holds the SHA-256 of every regular file, 40",
    "bytes each, and belongs to this image alone; mount(source, { fingerprints }) takes it.",
  ],
  words: { min: 1, max: 1 },
  async run({ args, io, report }: Call): Promise<number> {
    const file = args.text("output")
    if (file === undefined) throw new UsageError("-o FILE is needed")
    if (file === "-" && io.stdout.isTerminal) throw new UsageError("fingerprints are nothing for a terminal")
    const workers = jobsOf(args) - 1
    const onError: OnError | undefined = args.has("keep-going")
      ? (error, path) => report.error(error, path)
      : undefined
    const hashIt = async (image: Image, pool: PagePool): Promise<Uint8Array> => {
      const ground = { image, pool, file: imageFileOf(args) }
      const settings = { maxDamages: 1, endsWithDamage: onError === undefined }
      const progress = new Progress(args, io.stderr, image.superblock.inodes)
      await using crew = new ContentCrew(ground, workers, settings, progress)
      try {
        const files = await listFiles(image, ground.file, onError)
        progress.expect(files.length)
        return await image.sidecarOf(await hashFiles(crew, files, onError))
      } finally {
        progress.end()
      }
    }
    const sidecar = await withImage(args, hashIt, { workers })
    await withOutput(args, io.stdout, (output) => output.write(sidecar))
    return report.errors > 0 ? FAILED : DONE
  },
}

/** All regular files that are not empty, each inode once, with the first of its paths. */
async function listFiles(image: Image, file: ImageFile, onError: OnError | undefined): Promise<ContentJob[]> {
  const files: ContentJob[] = []
  const seen = new Set<bigint>()
  for await (const entry of entriesOf(image, file, onError ? { onError } : {})) {
    const { nid, path, node } = entry
    const { size } = node.inode
    if (!entry.isFile() || size === 0 || seen.has(nid)) continue
    seen.add(nid)
    files.push({ nid, path, size, isHashed: true })
  }
  return files
}

/** Hashes files. Without `onError` the first one that cannot be read, in their order, is thrown. */
async function hashFiles(
  crew: ContentCrew,
  files: readonly ContentJob[],
  onError: OnError | undefined,
): Promise<SidecarEntry[]> {
  const entries: SidecarEntry[] = []
  for (let begin = 0; begin < files.length; begin += ROUND_FILES) {
    const jobs = files.slice(begin, begin + ROUND_FILES)
    for (const { job, digest, damages } of await crew.read(jobs)) {
      const { nid, path } = jobs[job] as ContentJob
      for (const damage of damages) {
        const error = unpackError(damage)
        if (!onError) throw error
        onError(error, path)
      }
      if (digest !== undefined) entries.push({ nid, digest: Buffer.from(digest, "hex") })
    }
  }
  return entries
}
