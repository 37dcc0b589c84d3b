// SPDX-License-Identifier: MIT
import type { Image } from "../image.js"
import type { PagePool } from "../pool.js"
import { type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { Crew, JOBS_OPTION, jobsOf } from "./crew.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { Extraction, type FileCrew } from "./extraction.js"
import { imageFileOf, isLocal, withImage } from "./mounted.js"
import { Progress } from "./progress.js"

/** `extract`: a tree of the image as a tree of the system. */
export const extract: Command = {
  name: "extract",
  summary: "Writes everything in an image, or below a path of it, into a directory.",
  usage: "IMAGE TARGET",
  options: [
    { name: "path", value: "P", help: "only this: what is in it, if it is a directory" },
    { name: "overwrite", help: "replace files that exist already, go into directories that do" },
    { name: "owner", help: "keep owners; default for root" },
    { name: "no-owner", help: "do not keep owners" },
    { name: "xattrs", help: "keep extended attributes, the default; needs the command setfattr" },
    { name: "no-xattrs", help: "do not keep extended attributes" },
    JOBS_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "TARGET is made if it is not there. Nothing outside of it is ever written: links are not followed, and",
    "directories are entered only if this run made them or, with --overwrite, found them to be directories.",
    "",
    "Modes, times, links, devices, FIFOs, and the holes of files above 1 MiB are kept. Times are kept to the",
    "microsecond. Without the owner a file keeps no setuid and setgid bits. Sockets are left out. Owners and",
    "attributes that the user may not set are warnings; the exit code is 1 if an entry or the content of a",
    "file could not be written.",
    "",
    "A signal ends it at once: files that were being written then are cut short. Extract anew, with --overwrite.",
  ],
  words: { min: 2, max: 2 },
  async run({ args, io, report }: Call): Promise<number> {
    for (const name of ["owner", "xattrs"]) {
      if (args.has(name) && args.has(`no-${name}`)) throw new UsageError(`either --${name} or --no-${name}`)
    }
    const isRoot = process.geteuid?.() === 0
    const workers = jobsOf(args) - 1
    await using crew: FileCrew = new Crew(new URL("./extract-worker.js", import.meta.url), workers)
    const extractIt = async (image: Image, pool: PagePool): Promise<void> => {
      const progress = new Progress(args, io.stderr, image.superblock.inodes)
      const extraction = new Extraction(image, args.words[1] as string, report, progress, {
        overwrites: args.has("overwrite"),
        keepsOwners: args.has("owner") || (isRoot && !args.has("no-owner")),
        keepsXattrs: !args.has("no-xattrs"),
        isLocal: isLocal(imageFileOf(args)),
      })
      crew.enter({ image, pool, file: imageFileOf(args) }, extraction.settings)
      try {
        await extraction.run(args.text("path") ?? "/", workers > 0 ? crew : undefined)
      } finally {
        progress.end()
      }
      extraction.summarize()
    }
    await withImage(args, extractIt, { workers })
    return report.errors > 0 ? FAILED : DONE
  },
}
