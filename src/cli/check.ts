// SPDX-License-Identifier: MIT
import { createHash, type Hash } from "node:crypto"
import { isErofsError } from "../errors.js"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"
import { type Call, type Command, JSON_OPTION, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED, reasonOf, UsageError } from "./exit.js"
import { sha256OfFingerprint } from "./facts.js"
import { withImage } from "./mounted.js"
import { escapeControls, type Json, toJson } from "./print.js"
import { Progress } from "./progress.js"

/** Something in the image that cannot be read or is not as it says. */
interface Damage {
  path: string
  error: unknown
}

/** Bytes read at a time, and at a time where those cannot be read as a whole. */
const PIECE = 1 << 20
const SMALL_PIECE = 4096
/** Places of one file that are named; a file with more is not read further. */
const MAX_DAMAGES_OF_FILE = 64

/** `check`: reads everything. */
export const check: Command = {
  name: "check",
  summary: "Reads every byte of an image and names what is damaged.",
  usage: "[--digest] IMAGE",
  options: [
    { name: "digest", help: "compare contents with fingerprints of the form sha256: and 32 bytes" },
    { name: "fingerprint", value: "NAME", help: "attribute with fingerprints, if the superblock names none" },
    JSON_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "Prints a line for every damage (path, why, nid, offset), then what was read. The exit code is 1 if",
    `anything is damaged. A file with ${MAX_DAMAGES_OF_FILE} damaged places is not read further.`,
  ],
  words: { min: 1, max: 1 },
  async run(call: Call): Promise<number> {
    const { args } = call
    const name = args.text("fingerprint")
    if (name !== undefined && !args.has("digest")) throw new UsageError("--fingerprint needs --digest")
    // Content is read without sharing, each file its own; only a second mount knows who claims which fingerprint.
    const claims = async (fingerprints: Image | undefined): Promise<number> =>
      await withImage(args, (image) => new Checker(image, fingerprints, call).check())
    if (!args.has("digest")) return await claims(undefined)
    const options = { sharesFingerprints: true, ...(name !== undefined && { fingerprint: name }) }
    return await withImage(args, claims, options)
  },
}

/** One check of an image. */
class Checker {
  readonly #image: Image
  readonly #fingerprints: Image | undefined
  readonly #call: Call
  readonly #progress: Progress
  readonly #buffer = new Uint8Array(PIECE)
  readonly #seen = new Set<bigint>()
  readonly #damages: Json[] = []
  readonly #counts = { files: 0, directories: 0, symlinks: 0, others: 0, bytes: 0n, digests: 0, damages: 0 }

  /** `fingerprints` is the same image mounted so that it knows them; without it digests are not compared. */
  constructor(image: Image, fingerprints: Image | undefined, call: Call) {
    this.#image = image
    this.#fingerprints = fingerprints
    this.#call = call
    this.#progress = new Progress(call.args, call.io.stderr, image.superblock.inodes)
  }

  async check(): Promise<number> {
    const { out } = this.#call
    const onError = (error: unknown, path: string): void => this.#damaged({ path, error })
    try {
      for await (const entry of this.#image.walk("/", { onError })) {
        await this.#checkEntry(entry)
        this.#progress.entry()
        await out.drain()
      }
    } finally {
      this.#progress.end()
    }
    this.#printCounts()
    return this.#counts.damages > 0 ? FAILED : DONE
  }

  async #checkEntry(entry: WalkEntry): Promise<void> {
    if (entry.isFile()) this.#counts.files++
    else if (entry.isDirectory()) this.#counts.directories++
    else if (entry.isSymbolicLink()) this.#counts.symlinks++
    else this.#counts.others++
    // The further names of an inode have nothing new to tell.
    if (this.#seen.has(entry.nid)) return
    this.#seen.add(entry.nid)
    await this.#try(entry, () => this.#checkXattrs(entry))
    if (entry.isSymbolicLink()) await this.#try(entry, () => this.#image.readlink(entry))
    if (entry.isFile()) await this.#try(entry, () => this.#checkFile(entry))
  }

  async #checkXattrs(entry: WalkEntry): Promise<void> {
    for (const name of await this.#image.listxattr(entry, { hidden: true, encoding: "buffer" })) {
      await this.#image.getxattr(entry, name)
    }
  }

  async #checkFile(entry: WalkEntry): Promise<void> {
    const fingerprint = (await this.#fingerprints?.describe(entry))?.fingerprint
    const expected = fingerprint && sha256OfFingerprint(fingerprint)
    const hash = expected === undefined ? undefined : createHash("sha256")
    await using file = await this.#image.open(entry)
    const isWhole = await this.#readAll(file, entry.path, hash)
    if (!hash || !isWhole) return
    this.#counts.digests++
    const actual = hash.digest("hex")
    if (actual === expected) return
    const error = new Error(
      `content has digest ${actual}, its fingerprint says ${expected} (nid ${entry.nid})`,
    )
    this.#damaged({ path: entry.path, error })
  }

  /** Reads a file to its end, over damaged places. Answers whether there were none. */
  async #readAll(file: OpenFile, path: string, hash: Hash | undefined): Promise<boolean> {
    let damages = 0
    for (let position = 0; position < file.size && damages < MAX_DAMAGES_OF_FILE; position += PIECE) {
      try {
        const count = await this.#readPiece(file, position, PIECE)
        hash?.update(this.#buffer.subarray(0, count))
      } catch (error) {
        const errors = await this.#findDamages(file, position, MAX_DAMAGES_OF_FILE - damages)
        for (const one of errors.length > 0 ? errors : [error]) this.#damaged({ path, error: one })
        damages += Math.max(1, errors.length)
      }
    }
    return damages === 0
  }

  /** Reads a piece that cannot be read as a whole in small pieces. Answers their errors, at most `limit`. */
  async #findDamages(file: OpenFile, position: number, limit: number): Promise<unknown[]> {
    const errors: unknown[] = []
    const end = Math.min(position + PIECE, file.size)
    // From the end on: reads that follow each other would read ahead, and fail for what lies there.
    const last = position + Math.floor((end - position - 1) / SMALL_PIECE) * SMALL_PIECE
    for (let at = last; at >= position && errors.length < limit; at -= SMALL_PIECE) {
      try {
        await this.#readPiece(file, at, SMALL_PIECE)
      } catch (error) {
        errors.unshift(error)
      }
    }
    return errors
  }

  async #readPiece(file: OpenFile, position: number, size: number): Promise<number> {
    const count = await file.read(this.#buffer.subarray(0, size), position)
    this.#counts.bytes += BigInt(count)
    this.#progress.bytes(count)
    return count
  }

  async #try(entry: WalkEntry, operation: () => Promise<unknown>): Promise<void> {
    try {
      await operation()
    } catch (error) {
      this.#damaged({ path: entry.path, error })
    }
  }

  #damaged({ path, error }: Damage): void {
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
    const read = `${files} files, ${directories} directories, ${symlinks} symlinks, ${others} others`
    out.line(`${read}, ${bytes} bytes${isDigest ? `, ${digests} digests` : ""}: ${damages} damages`)
  }
}
