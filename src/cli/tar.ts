// SPDX-License-Identifier: MIT

import { isErofsError } from "../errors.js"
import type { Image } from "../image.js"
import { checkTarOptions, type TarOptions } from "../tar/options.js"
import { type Arguments, type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { Losses } from "./losses.js"
import { withImage } from "./mounted.js"
import { OUTPUT_OPTION, withOutput } from "./output.js"
import type { Output } from "./print.js"
import { Progress } from "./progress.js"

/** Bytes written at a time. */
const PIECE = 1 << 20

/** `tar`: a tree of the image as an archive. */
export const tar: Command = {
  name: "tar",
  summary: "Writes everything in an image, or below a path of it, as a pax tar archive.",
  usage: "[-o FILE] IMAGE [PATH]",
  options: [
    OUTPUT_OPTION,
    { name: "prefix", value: "DIR", help: "put everything into this directory within the archive" },
    { name: "xattrs", help: "keep extended attributes, the default" },
    { name: "no-xattrs", help: "do not keep extended attributes" },
    { name: "keep-going", help: "go on behind what cannot be read; the exit code is 1 all the same" },
    PROGRESS_OPTION,
  ],
  notes: [
    "Members are named as seen from PATH. Each directory is followed by all that is in it, in the order of the",
    "names' bytes: the same image always gives the same archive. Modes, owners by number, times to the",
    "nanosecond, links, devices and FIFOs are kept, extended attributes as GNU tar keeps them: unpack with",
    "--xattrs --xattrs-include='*'. Sockets are left out.",
    "",
    "What cannot be read ends the command, and FILE is removed. With --keep-going it is reported: entries that",
    "cannot be read at all are left out, and bytes of files that cannot be read are zeros.",
  ],
  words: { min: 1, max: 2 },
  async run({ args, io, report }: Call): Promise<number> {
    if (args.has("xattrs") && args.has("no-xattrs")) throw new UsageError("either --xattrs or --no-xattrs")
    const file = args.text("output") ?? "-"
    if (file === "-" && io.stdout.isTerminal) {
      throw new UsageError("an archive is nothing for a terminal: give -o FILE, or redirect the output")
    }
    const prefix = prefixOf(args)
    await withImage(args, async (image) => {
      const progress = new Progress(args, io.stderr, image.superblock.inodes)
      const losses = new Losses(report)
      const options: TarOptions = {
        xattrs: !args.has("no-xattrs"),
        onSkip: ({ path }) => losses.add("socket", `'${path}' is a socket and was left out`),
        onProgress: ({ entries, bytes }) => progress.reach(entries, bytes),
        ...(prefix !== undefined && { prefix }),
        ...(args.has("keep-going") && { onError: (error, path) => report.error(error, path) }),
      }
      try {
        await withOutput(args, io.stdout, (output) => write(image, args.words[1] ?? "/", options, output))
      } finally {
        progress.end()
      }
      losses.summarize()
    })
    return report.errors > 0 ? FAILED : DONE
  },
}

/** The prefix that the user gave. Throws {@link UsageError} for one that an archive cannot have. */
function prefixOf(args: Arguments): string | undefined {
  const prefix = args.text("prefix")
  if (prefix === undefined) return undefined
  try {
    checkTarOptions({ prefix })
  } catch (error) {
    if (!isErofsError(error, "EINVAL")) throw error
    throw new UsageError(`--prefix takes a path within the archive: ${error.reason}`)
  }
  return prefix
}

/** Writes the archive piece by piece, all through one buffer. */
async function write(image: Image, path: string, options: TarOptions, output: Output): Promise<void> {
  const reader = image.tar(path, options).getReader({ mode: "byob" })
  try {
    let room = new Uint8Array(PIECE)
    for (;;) {
      const { value, done } = await reader.read(room)
      if (done) return
      await output.write(value)
      room = new Uint8Array(value.buffer)
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {})
    throw error
  }
}
