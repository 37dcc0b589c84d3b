// SPDX-License-Identifier: MIT
import { isErofsError } from "../errors.js"
import type { Image } from "../image.js"
import type { PagePool } from "../pool.js"
import { isOciReference } from "../source/oci-reference.js"
import type { WalkEntry } from "../walk.js"
import { type Call, type Command, JSON_OPTION, PROGRESS_OPTION } from "./arguments.js"
import { ContentCrew } from "./content-crew.js"
import type { ContentJob } from "./content-reader.js"
import { JOBS_OPTION, jobsOf } from "./crew.js"
import { DONE, FAILED, reasonOf, UsageError } from "./exit.js"
import { sha256OfFingerprint } from "./facts.js"
import { layerDamage } from "./layer.js"
import { entriesOf, imageFileOf, isLocal, withImage } from "./mounted.js"
import { counted, countedKinds, escapeControls, type Json, toJson } from "./print.js"
import { Progress } from "./progress.js"
import { unpackError } from "./transport.js"

/** Something in the image that cannot be read or is not as it says. */
interface Damage {
  path: string
  error: unknown
}

/** Files that are read together where several threads read; alone, one after the other, so that damage is told at once. */
const ROUND_FILES = 4096
/** As many where one thread reads what comes from afar, so that contents can be fetched ahead. */
const REMOTE_ROUND_FILES = 512
/** Places of one file that are named. */
const MAX_DAMAGES_OF_FILE = 64

/** A file that is to be read. */
interface Candidate {
  /** Number of its entry in the walk. */
  entry: number
  /** SHA-256 that its content is to have, in hex, if that is known. */
  expected: string | undefined
}

/** `check`: reads everything. */
export const check: Command = {
  name: "check",
  summary: "Reads every byte of an image and names what is damaged.",
  usage: "[--digest] IMAGE",
  options: [
    { name: "digest", help: "compare contents with fingerprints of the form sha256: and 32 bytes" },
    { name: "fingerprint", value: "NAME", help: "attribute with fingerprints, if the superblock names none" },
    {
      name: "no-layer-digest",
      help: "do not compare an oci:// image as a whole with the digest of its layer",
    },
    JSON_OPTION,
    JOBS_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "Prints a line for every damage (path, why, nid, offset), then what was read. The exit code is 1 if",
    "anything is damaged. Images in registries are read to the end once more, and compared with the digest of",
    `their layer. A file with ${MAX_DAMAGES_OF_FILE} damaged places is not read further.`,
  ],
  words: { min: 1, max: 1 },
  async run(call: Call): Promise<number> {
    const { args } = call
    const name = args.text("fingerprint")
    if (name !== undefined && !args.has("digest")) throw new UsageError("--fingerprint needs --digest")
    const workers = jobsOf(args) - 1
    // Content is read without sharing, each file its own; only a second mount knows who claims which fingerprint.
    const checkIt = async (image: Image, pool: PagePool, fingerprints?: Image): Promise<number> => {
      const ground = { image, pool, file: imageFileOf(args) }
      const settings = { maxDamages: MAX_DAMAGES_OF_FILE, endsWithDamage: false }
      const progress = new Progress(args, call.io.stderr, image.superblock.inodes)
      await using crew = new ContentCrew(ground, workers, settings, progress)
      return await new Checker(image, fingerprints, call, crew, progress).check()
    }
    if (!args.has("digest")) return await withImage(args, checkIt, { workers })
    const options = { sharesFingerprints: true, ...(name !== undefined && { fingerprint: name }) }
    return await withImage(
      args,
      async (fingerprints) =>
        await withImage(args, (image, pool) => checkIt(image, pool, fingerprints), { workers }),
      options,
    )
  },
}

/** One check of an image. */
class Checker {
  readonly #image: Image
  readonly #fingerprints: Image | undefined
  readonly #call: Call
  readonly #progress: Progress
  readonly #crew: ContentCrew
  /** Files that are to be read at the end of the round. */
  #jobs: ContentJob[] = []
  #candidates: Candidate[] = []
  /** Damage of the round, by the number of the entry, so that it is told in the order of the walk. */
  #found: (Damage & { entry: number })[] = []
  #entry = 0
  readonly #seen = new Set<bigint>()
  readonly #damages: Json[] = []
  readonly #counts = { files: 0, directories: 0, symlinks: 0, others: 0, bytes: 0n, digests: 0, damages: 0 }

  /** `fingerprints` is the same image mounted so that it knows them; without it digests are not compared. */
  constructor(
    image: Image,
    fingerprints: Image | undefined,
    call: Call,
    crew: ContentCrew,
    progress: Progress,
  ) {
    this.#image = image
    this.#fingerprints = fingerprints
    this.#call = call
    this.#crew = crew
    this.#progress = progress
  }

  async check(): Promise<number> {
    const { args } = this.#call
    const file = imageFileOf(args)
    const roundFiles = !this.#crew.isAlone ? ROUND_FILES : isLocal(file) ? 1 : REMOTE_ROUND_FILES
    const onError = (error: unknown, path: string): void => this.#damaged({ path, error })
    try {
      for await (const entry of entriesOf(this.#image, file, { onError })) {
        await this.#checkEntry(entry)
        if (this.#jobs.length >= roundFiles) await this.#endRound()
        else if (this.#crew.isAlone && this.#jobs.length === 0) await this.#tell()
      }
      await this.#endRound()
      await this.#checkLayer(file.path)
    } finally {
      this.#progress.end()
    }
    this.#printCounts()
    return this.#counts.damages > 0 ? FAILED : DONE
  }

  async #checkEntry(entry: WalkEntry): Promise<void> {
    this.#entry++
    if (entry.isFile()) this.#counts.files++
    else if (entry.isDirectory()) this.#counts.directories++
    else if (entry.isSymbolicLink()) this.#counts.symlinks++
    else this.#counts.others++
    // The further names of an inode have nothing new to tell.
    if (this.#seen.has(entry.nid)) {
      this.#progress.entry()
      return
    }
    this.#seen.add(entry.nid)
    await this.#try(entry, () => this.#checkXattrs(entry))
    if (entry.isSymbolicLink()) await this.#try(entry, () => this.#image.readlink(entry))
    if (entry.isFile()) await this.#try(entry, () => this.#addFile(entry))
    else this.#progress.entry()
  }

  async #checkXattrs(entry: WalkEntry): Promise<void> {
    for (const name of await this.#image.listxattr(entry, { hidden: true, encoding: "buffer" })) {
      await this.#image.getxattr(entry, name)
    }
  }

  /** Queues a file. */
  async #addFile(entry: WalkEntry): Promise<void> {
    const fingerprint = (await this.#fingerprints?.describe(entry))?.fingerprint
    const expected = fingerprint && sha256OfFingerprint(fingerprint)
    const isHashed = expected !== undefined
    this.#jobs.push({ nid: entry.nid, path: entry.path, size: entry.node.inode.size, isHashed })
    this.#candidates.push({ entry: this.#entry, expected })
  }

  /** Reads the files of the round and tells what is damaged, in the order of the walk. */
  async #endRound(): Promise<void> {
    const [jobs, candidates] = [this.#jobs, this.#candidates]
    this.#jobs = []
    this.#candidates = []
    for (const { job, bytes, digest, damages } of await this.#crew.read(jobs)) {
      const { nid, path } = jobs[job] as ContentJob
      const { entry, expected } = candidates[job] as Candidate
      this.#counts.bytes += BigInt(bytes)
      this.#found.push(...damages.map((error) => ({ path, error: unpackError(error), entry })))
      if (digest === undefined) continue
      this.#counts.digests++
      if (digest === expected) continue
      const reason = `content has digest ${digest}, its fingerprint says ${expected} (nid ${nid})`
      this.#found.push({ path, error: new Error(reason), entry })
    }
    await this.#tell()
  }

  /** Compares a layer of a registry with its digest, whatever lies in it. */
  async #checkLayer(path: string): Promise<void> {
    if (!isOciReference(path) || this.#call.args.has("no-layer-digest")) return
    try {
      const error = await layerDamage(this.#image, () => {})
      if (error) this.#damaged({ path, error })
    } catch (error) {
      this.#damaged({ path, error })
    }
    await this.#tell()
  }

  /** Tells of the damage that was found since the last time. */
  async #tell(): Promise<void> {
    // What an entry's attributes say comes before its content, as it was found: sorting keeps that.
    for (const damage of this.#found.sort((a, b) => a.entry - b.entry)) this.#print(damage)
    this.#found = []
    await this.#call.out.drain()
  }

  async #try(entry: WalkEntry, operation: () => Promise<unknown>): Promise<void> {
    try {
      await operation()
    } catch (error) {
      this.#damaged({ path: entry.path, error })
    }
  }

  #damaged(damage: Damage): void {
    this.#found.push({ ...damage, entry: this.#entry })
  }

  #print({ path, error }: Damage): void {
    const { args, out } = this.#call
    this.#counts.damages++
    if (!args.has("json")) {
      out.line(`${out.name(escapeControls(path))}: ${reasonOf(error)}`)
      return
    }
    const facts = isErofsError(error) ? { code: error.code, nid: error.nid, offset: error.offset } : {}
    const reason = isErofsError(error) ? error.reason : reasonOf(error)
    this.#damages.push({ path, reason, ...facts })
  }

  #printCounts(): void {
    const { args, out } = this.#call
    const { files, directories, symlinks, others, bytes, digests, damages } = this.#counts
    const isDigest = args.has("digest")
    if (args.has("json")) {
      const counts = { files, directories, symlinks, others, bytes, ...(isDigest && { digests }) }
      out.line(toJson({ ...counts, damages: this.#damages }, 2))
      return
    }
    const read = [...countedKinds(this.#counts), ...(isDigest ? [counted(digests, "digest")] : [])]
    out.line(`${read.join(", ")}: ${counted(damages, "damage")}`)
  }
}
