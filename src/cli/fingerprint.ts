// SPDX-License-Identifier: MIT
import { type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { withImage } from "./mounted.js"
import { OUTPUT_OPTION, withOutput } from "./output.js"
import { Progress } from "./progress.js"

/** `fingerprint`: digests of all files, for images that carry none. */
export const fingerprint: Command = {
  name: "fingerprint",
  summary: "Hashes every file of an image into a small file of fingerprints, so that it can share pages.",
  usage: "-o FILE IMAGE",
  options: [
    OUTPUT_OPTION,
    { name: "keep-going", help: "leave out what cannot be read; the exit code is 1 all the same" },
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
    await withImage(args, async (image) => {
      const progress = new Progress(args, io.stderr, image.superblock.inodes)
      try {
        const sidecar = await image.fingerprints({
          onProgress: ({ files, totalFiles, bytes }) => {
            progress.expect(totalFiles)
            progress.reach(files, bytes)
          },
          ...(args.has("keep-going") && { onError: (error, path) => report.error(error, path) }),
        })
        await withOutput(file, io.stdout, (output) => output.write(sidecar))
      } finally {
        progress.end()
      }
    })
    return report.errors > 0 ? FAILED : DONE
  },
}
