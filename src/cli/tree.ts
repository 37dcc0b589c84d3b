// SPDX-License-Identifier: MIT
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"
import { type Call, type Command, JSON_OPTION } from "./arguments.js"
import { DONE, FAILED } from "./exit.js"
import { statsJson } from "./facts.js"
import { type Listing, listingsOf } from "./listing.js"
import { withImage } from "./mounted.js"
import { counted, toJson } from "./print.js"

/** `tree`: everything below a directory, drawn as a tree. */
export const tree: Command = {
  name: "tree",
  summary: "Draws everything below a directory as a tree.",
  usage: "[--depth N] IMAGE [PATH]",
  options: [{ name: "depth", value: "N", help: "levels to go down; default all" }, JSON_OPTION],
  notes: ["With --json, an array of everything in the tree, parents before what is in them."],
  words: { min: 1, max: 2 },
  async run(call: Call): Promise<number> {
    const { args, report } = call
    const depth = args.count("depth")
    await withImage(args, async (image) => {
      const start = await image.realpath(args.words[1] ?? "/")
      const onError = (error: unknown, where: string): void => report.error(error, where)
      const walk = image.walk(start, { onError, ...(depth !== undefined && { depth }) })
      if (args.has("json")) await printJson(image, walk, call)
      else await draw(image, walk, args.words[1] ?? "/", call)
    })
    return report.errors > 0 ? FAILED : DONE
  },
}

async function printJson(image: Image, walk: AsyncIterable<WalkEntry>, { out, report }: Call): Promise<void> {
  let separator = "["
  for await (const entry of walk) {
    const { path, name, depth, stats } = entry
    const target = entry.isSymbolicLink() ? await linkTarget(image, entry, report) : undefined
    out.text(`${separator}\n${toJson({ path, name, depth, ...statsJson(stats), target })}`)
    separator = ","
    await out.drain()
  }
  out.line(separator === "[" ? "[]" : "\n]")
}

/** A directory that is being drawn. */
interface Level {
  entries: WalkEntry[]
  /** Of the next entry. */
  at: number
  margin: string
}

/** Draws the tree. A walk gives whole directories, so the entries of those above wait on a stack. */
async function draw(
  image: Image,
  walk: AsyncIterable<WalkEntry>,
  start: string,
  { out, report }: Call,
): Promise<void> {
  const listings = listingsOf(walk)[Symbol.asyncIterator]()
  const next = async (): Promise<WalkEntry[]> => {
    const step: IteratorResult<Listing, void> = await listings.next()
    return step.value?.entries ?? []
  }
  out.line(out.name(start))
  let [directories, others] = [0, 0]
  const levels: Level[] = [{ entries: await next(), at: 0, margin: "" }]
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const entry = level.entries[level.at++]
    if (!entry) {
      levels.pop()
      continue
    }
    const isLast = level.at === level.entries.length
    const target = entry.isSymbolicLink() ? await linkTarget(image, entry, report) : undefined
    const arrow = target === undefined ? "" : ` -> ${out.name(target)}`
    out.line(`${level.margin}${isLast ? "└── " : "├── "}${out.name(entry.name)}${arrow}`)
    await out.drain()
    if (!entry.isDirectory()) {
      others++
      continue
    }
    directories++
    levels.push({ entries: await next(), at: 0, margin: `${level.margin}${isLast ? "    " : "│   "}` })
  }
  out.line("")
  out.line(`${counted(directories, "directory", "directories")}, ${counted(others, "file")}`)
}

async function linkTarget(
  image: Image,
  entry: WalkEntry,
  report: Call["report"],
): Promise<string | undefined> {
  try {
    return await image.readlink(entry)
  } catch (error) {
    report.error(error, entry.path)
    return undefined
  }
}
