// SPDX-License-Identifier: MIT
import type { Image, Target } from "../image.js"
import { type Call, type Command, NID_OPTION } from "./arguments.js"
import { DONE, FAILED } from "./exit.js"
import { targetsOf, withImage } from "./mounted.js"
import type { Output } from "./print.js"

/** Bytes read and written at a time. */
const PIECE = 1 << 20

/** `cat`: the bytes of files. */
export const cat: Command = {
  name: "cat",
  summary: "Writes the bytes of files to standard output.",
  usage: "IMAGE PATH...",
  options: [NID_OPTION],
  words: { min: 1, max: Number.POSITIVE_INFINITY },
  async run({ args, io, report }: Call): Promise<number> {
    const targets = targetsOf(args, [])
    await withImage(args, async (image) => {
      const buffer = new Uint8Array(PIECE)
      for (const { target, path } of targets) {
        try {
          await copyFile(image, target, io.stdout, buffer)
        } catch (error) {
          report.error(error, path)
        }
      }
    })
    return report.errors > 0 ? FAILED : DONE
  },
}

async function copyFile(image: Image, target: Target, output: Output, buffer: Uint8Array): Promise<void> {
  await using file = await image.open(target)
  for (let position = 0; position < file.size; ) {
    const count = await file.read(buffer, position)
    await output.write(buffer.subarray(0, count))
    position += count
  }
}
