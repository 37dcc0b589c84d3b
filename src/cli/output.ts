// SPDX-License-Identifier: MIT
/** Where a command writes its data to, if the user may say so. */
import { closeSync, fstatSync, openSync, unlinkSync, writeSync } from "node:fs"
import type { OptionSpec } from "./arguments.js"
import type { Output } from "./print.js"

export const OUTPUT_OPTION: OptionSpec = {
  name: "output",
  short: "o",
  value: "FILE",
  help: "write to this file; - is standard output",
}

/** Writes to a file; `-` and undefined are standard output. If that fails, a file that would be cut short is removed. */
export async function withOutput<T>(
  path: string | undefined,
  stdout: Output,
  use: (output: Output) => Promise<T>,
): Promise<T> {
  if (path === undefined || path === "-") return await use(stdout)
  const fd = openSync(path, "w")
  let isWhole = false
  try {
    const answer = await use({
      isTerminal: false,
      async write(bytes) {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
      },
    })
    isWhole = true
    return answer
  } finally {
    const isFile = fstatSync(fd).isFile()
    closeSync(fd)
    if (!isWhole && isFile) unlinkSync(path)
  }
}
