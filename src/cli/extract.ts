// SPDX-License-Identifier: MIT
import { type Call, type Command, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { withImage } from "./mounted.js"
export const extract: Command = {
  name: "extract",
  summary: "x",
  usage: "IMAGE TARGET",
  options: [PROGRESS_OPTION],
  words: { min: 2, max: 2 },
  async run({ args }: Call) {
    await withImage(args, async () => {})
    if (args.has("x")) throw new UsageError("x")
    return args.has("y") ? FAILED : DONE
  },
}
