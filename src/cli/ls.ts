// SPDX-License-Identifier: MIT
import type { Image, Target } from "../image.js"
import type { BigIntStats } from "../stats.js"
import { type Call, type Command, JSON_OPTION, NID_OPTION } from "./arguments.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { deviceOf, modeText, statsJson, timeText } from "./facts.js"
import { listingsOf } from "./listing.js"
import { targetsOf, withImage } from "./mounted.js"
import { toJson } from "./print.js"

/** One line of a listing. */
interface Item {
  name: string
  path: string
  target: Target
  stats?: BigIntStats
}

/** Widths of the columns of the long form. */
type Row = [mode: string, nlink: string, uid: string, gid: string, size: string, time: string, name: string]

/** `ls`: names in directories. */
export const ls: Command = {
  name: "ls",
  summary: "Lists directories.",
  usage: "[-l] [-a] [-R] IMAGE [PATH...]",
  options: [
    { name: "long", short: "l", help: "mode, links, owner, group, size, time in UTC, link targets" },
    { name: "all", short: "a", help: "'.' and '..' too; other names are always shown" },
    { name: "recursive", short: "R", help: "directories below, too" },
    NID_OPTION,
    JSON_OPTION,
  ],
  words: { min: 1, max: Number.POSITIVE_INFINITY },
  async run(call: Call): Promise<number> {
    const targets = targetsOf(call.args, ["/"])
    if (call.args.has("recursive") && call.args.has("nid")) throw new UsageError("-R needs a path, not --nid")
    await withImage(call.args, (image) => new Lister(image, call).list(targets))
    return call.report.errors > 0 ? FAILED : DONE
  },
}

/** One run of `ls`. */
class Lister {
  readonly #image: Image
  readonly #call: Call
  readonly #isLong: boolean
  readonly #isJson: boolean
  readonly #isRecursive: boolean
  #hasPrinted = false

  constructor(image: Image, call: Call) {
    this.#image = image
    this.#call = call
    this.#isLong = call.args.has("long")
    this.#isJson = call.args.has("json")
    this.#isRecursive = call.args.has("recursive")
  }

  async list(targets: { target: Target; path: string }[]): Promise<void> {
    const { out, report } = this.#call
    const directories: { target: Target; path: string }[] = []
    const others: Item[] = []
    for (const { target, path } of targets) {
      try {
        // A link is followed as ls does it: not in the long form, which shows where it points.
        const options = { bigint: true } as const
        const own = await this.#image.lstat(target, options)
        const leadsTo = own.isSymbolicLink() && !this.#isLong ? await this.#follow(target) : own
        if (leadsTo?.isDirectory()) directories.push({ target, path })
        else others.push({ name: path, path, target, stats: own })
      } catch (error) {
        report.error(error, path)
      }
    }
    if (this.#isJson) out.text("[")
    await this.#print(others)
    const hasHeads = targets.length > 1 || this.#isRecursive
    for (const { target, path } of directories) {
      try {
        if (this.#isRecursive) await this.#listTree(path)
        else await this.#listOne(target, path, hasHeads)
      } catch (error) {
        report.error(error, path)
      }
    }
    if (this.#isJson) out.text(this.#hasPrinted ? "\n]\n" : "]\n")
  }

  /** What a link leads to; undefined if to nothing. */
  async #follow(target: Target): Promise<BigIntStats | undefined> {
    if (typeof target !== "string") return undefined
    return (await this.#image.stat(target, { bigint: true, throwIfNoEntry: false })) as
      | BigIntStats
      | undefined
  }

  async #listOne(target: Target, path: string, hasHead: boolean): Promise<void> {
    const { args } = this.#call
    const needsStats = this.#isLong || this.#isJson
    const items = await (needsStats && typeof target === "string"
      ? this.#itemsWithStats(target, path)
      : this.#items(target, path))
    if (args.has("all") && typeof target === "string") {
      const links = [".", ".."].map((name) => below(target, name))
      items.unshift(...links.map((link, i) => ({ name: i === 0 ? "." : "..", path: link, target: link })))
    }
    if (hasHead) this.#printHead(path)
    await this.#print(items)
  }

  async #items(target: Target, path: string): Promise<Item[]> {
    const dirents = await this.#image.readdir(target, { withFileTypes: true })
    return dirents.map(({ name, nid }) => ({ name, path: below(path, name), target: { nid } }))
  }

  /** Like {@link #items}. A walk brings in inodes together, which is much quicker where the image is remote. */
  async #itemsWithStats(target: string, path: string): Promise<Item[]> {
    const items: Item[] = []
    const onError = (error: unknown, where: string): void => this.#call.report.error(error, where)
    const start = await this.#image.realpath(target)
    for await (const entry of this.#image.walk(start, { depth: 1, onError })) {
      const { name, stats, depth } = entry
      if (depth > 0) items.push({ name, path: below(path, name), target: entry, stats })
    }
    return items
  }

  async #listTree(path: string): Promise<void> {
    const { args, report } = this.#call
    const start = await this.#image.realpath(path)
    const walk = this.#image.walk(start, { onError: (error, where) => report.error(error, where) })
    for await (const { directory, entries } of listingsOf(walk)) {
      const items: Item[] = entries.map((entry) => ({
        name: entry.name,
        path: entry.path,
        target: entry,
        stats: entry.stats,
      }))
      if (args.has("all")) {
        for (const name of ["..", "."]) {
          const link = below(directory.path, name)
          items.unshift({ name, path: link, target: link })
        }
      }
      this.#printHead(directory.path)
      await this.#print(items)
    }
  }

  #printHead(path: string): void {
    const { out } = this.#call
    if (this.#isJson) return
    if (this.#hasPrinted) out.line("")
    out.line(`${out.name(path)}:`)
    this.#hasPrinted = true
  }

  async #print(items: Item[]): Promise<void> {
    const { out, report } = this.#call
    const rows: Row[] = []
    for (const item of items) {
      try {
        if (this.#isJson) await this.#printJson(item)
        else if (this.#isLong) rows.push(await this.#row(item))
        else {
          this.#hasPrinted = true
          out.line(out.name(item.name))
        }
      } catch (error) {
        report.error(error, item.path)
      }
      await out.drain()
    }
    for (const line of align(rows)) {
      this.#hasPrinted = true
      out.line(line)
    }
    await out.drain()
  }

  async #printJson({ name, path, target, stats }: Item): Promise<void> {
    const { out } = this.#call
    const known = stats ?? (await this.#image.lstat(target, { bigint: true }))
    const link = known.isSymbolicLink() ? await this.#image.readlink({ nid: known.nid }) : undefined
    out.text(`${this.#hasPrinted ? "," : ""}\n${toJson({ path, name, ...statsJson(known), target: link })}`)
    this.#hasPrinted = true
  }

  async #row({ name, target, stats }: Item): Promise<Row> {
    const { out } = this.#call
    const known = stats ?? (await this.#image.lstat(target, { bigint: true }))
    const link = known.isSymbolicLink()
      ? ` -> ${out.name(await this.#image.readlink({ nid: known.nid }))}`
      : ""
    return [
      modeText(known),
      String(known.nlink),
      String(known.uid),
      String(known.gid),
      deviceOf(known)?.join(", ") ?? String(known.size),
      timeText(known.mtimeNs),
      out.name(name) + link,
    ]
  }
}

function align(rows: readonly Row[]): string[] {
  const width = (column: number): number =>
    rows.reduce((max, row) => Math.max(max, row[column]?.length ?? 0), 0)
  const widths = [0, 1, 2, 3, 4].map(width)
  return rows.map(([mode, nlink, uid, gid, size, time, name]) => {
    const numbers = [nlink, uid, gid, size].map((text, i) => text.padStart(widths[i + 1] as number))
    return [mode.padEnd(widths[0] as number), ...numbers, time, name].join(" ")
  })
}

function below(path: string, name: string): string {
  return path.endsWith("/") ? `${path}${name}` : `${path}/${name}`
}
