// SPDX-License-Identifier: MIT
/** Where a command writes its data to, if the user may say so. */
import { closeSync, fstatSync, openSync, statSync, unlinkSync, writeSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { isRemote } from "./access.js"
import type { Arguments, OptionSpec } from "./arguments.js"
import { UsageError } from "./exit.js"
import { imageFileOf } from "./mounted.js"
import type { Output } from "./print.js"

export const OUTPUT_OPTION: OptionSpec = {
  name: "output",
  short: "o",
  value: "FILE",
  help: "write to this file; - is standard output",
}

/**
 * Writes to the file that the command line names; `-` and none are standard output. If that fails, or a signal ends it, a file
 * that would be cut short is removed. Throws before anything is written if the file is what the image is read from.
 */
export async function withOutput<T>(
  args: Arguments,
  stdout: Output,
  use: (output: Output) => Promise<T>,
): Promise<T> {
  const path = args.text("output")
  if (path === undefined || path === "-") return await use(stdout)
  requireOther(path, args)
  const fd = openSync(path, "w")
  const isFile = fstatSync(fd).isFile()
  let isWhole = false
  const forget = onSignal(() => isFile && unlinkSync(path))
  try {
    const answer = await use({
      isTerminal: false,
      async write(bytes) {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
        // Of signals nothing is heard before the event loop comes round, which reading files does not let it.
        await setImmediate()
      },
    })
    isWhole = true
    return answer
  } finally {
    forget()
    closeSync(fd)
    if (!isWhole && isFile) unlinkSync(path)
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Cleans up before a signal ends this process, as it does without us. Answers how to forget it. */
function onSignal(cleanUp: () => void): () => void {
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, end)
  }
  const end = (signal: NodeJS.Signals): void => {
    forget()
    cleanUp()
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  return forget
}

/** Throws if a file is the image, or a device of it: writing to it would destroy it. */
function requireOther(path: string, args: Arguments): void {
  const own = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (!own) return
  const { path: image, devices } = imageFileOf(args)
  for (const input of [image, ...devices]) {
    const stats = isRemote(input) ? undefined : statSync(input, { bigint: true, throwIfNoEntry: false })
    if (stats?.ino !== own.ino || stats.dev !== own.dev) continue
    throw new UsageError(`'${path}' is what is read: write to another file`)
  }
}
