// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { ErofsError } from "../errors.js"
import { PAGE_SIZE } from "../page.js"
import { accessOf } from "./access.js"
import { type Call, type Command, JSON_OPTION, PROGRESS_OPTION } from "./arguments.js"
import {
  type Counts,
  countDevices,
  countTogether,
  digestFiles,
  fits,
  type Member,
  MODES,
  type Mode,
  type Plan,
  planMember,
} from "./comparison.js"
import { DONE, UsageError } from "./exit.js"
import type { ImageFile } from "./mounted.js"
import { counted, toJson } from "./print.js"
import { Progress } from "./progress.js"
import { Workload } from "./workload.js"

/** Bytes of pages that are held at once, unless the user says otherwise. */
const DEFAULT_MEMORY = 1 << 30

/** `share`: what sharing saves. */
export const share: Command = {
  name: "share",
  summary: "Counts the pages that the files of images take in one pool, with and without sharing.",
  usage: "[--workload FILE]... IMAGE...",
  options: [
    {
      name: "workload",
      value: "FILE",
      isMultiple: true,
      help: "count what it lists, not all files; one for all images, or one each, in order",
    },
    { name: "fingerprint", value: "NAME", help: "attribute with fingerprints, if the superblock names none" },
    {
      name: "sidecar",
      value: "FILE",
      isMultiple: true,
      help: "fingerprints made by 'erofs-wasm fingerprint'; one for each image, in order",
    },
    { name: "digest", help: "hash all files of the images first, as if each had a sidecar" },
    {
      name: "memory",
      value: "BYTES",
      help: "hold the pages all at once if they fit into so much (default 1G), else count digests",
    },
    JSON_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "Counted are pages of 4096 bytes of regular files: each once per inode of an image (off), per fingerprint",
    "(fingerprint), or per content of the page (content); the end of a file's last page is zeros. The tables",
    "that a pool of so many pages needs are counted in where it says how much less that is.",
    "",
    "A workload has a line PATH or PATH<TAB>POSITION<TAB>LENGTH, in bytes, for all that a program touched.",
    "Devices are given for all images in one row, those of the first image first.",
  ],
  words: { min: 1, max: Number.POSITIVE_INFINITY },
  async run(call: Call): Promise<number> {
    const { args, out, io } = call
    const plans: Plan[] = []
    for (const member of await membersOf(call)) plans.push(await planMember(member))
    requireFound(plans, call)
    const memory = args.bytes("memory") ?? DEFAULT_MEMORY
    const passes = fits(plans, memory) ? MODES.length : 1
    const entries = plans.reduce((sum, { readings }) => sum + passes * readings.length, 0)
    const progress = new Progress(args, io.stderr, BigInt(entries))
    try {
      const counts = await countTogether(plans, memory, progress)
      const table = tableOf(plans, counts)
      if (args.has("json")) out.line(toJson(table, 2))
      else for (const line of linesOf(table)) out.line(line)
    } finally {
      progress.end()
    }
    return DONE
  },
}

/** The images of the command line, each with what belongs to it. */
async function membersOf({ args }: Call): Promise<Member[]> {
  const sidecars = args.texts("sidecar")
  if (sidecars.length > 0 && args.has("digest")) throw new UsageError("either --sidecar or --digest")
  if (sidecars.length > 0 && sidecars.length !== args.words.length) {
    throw new UsageError(`${sidecars.length} sidecars for ${args.words.length} images: give one each`)
  }
  const workloads = args.texts("workload").map((file) => Workload.open(file))
  const { words } = args
  const access = accessOf(args, [...words, ...args.texts("device")])
  if (workloads.length > 1 && workloads.length !== words.length) {
    throw new UsageError(`${workloads.length} workloads for ${words.length} images: give one, or one each`)
  }
  const fingerprint = args.text("fingerprint")
  const options = fingerprint === undefined ? {} : { fingerprint }
  const devices = args.texts("device")
  const members: Member[] = []
  for (const [i, path] of words.entries()) {
    const offset = args.bytes("offset") ?? 0
    const ignoresChecksum = args.has("ignore-checksum")
    const file: ImageFile = { path, devices: [], offset, ignoresChecksum, access }
    if (devices.length > 0) file.devices = devices.splice(0, await countDevices(file))
    const sidecar = sidecars[i]
    let fingerprints = sidecar === undefined ? undefined : readFileSync(sidecar)
    if (args.has("digest")) fingerprints = Buffer.from(await digestFiles(file))
    members.push({
      file,
      options: { ...options, ...(fingerprints && { fingerprints }) },
      workload: workloads.length > 1 ? workloads[i] : workloads[0],
    })
  }
  if (devices.length > 0) throw new UsageError(`no image has a further device for '${devices[0]}'`)
  return members
}

/** Paths that a workload names must lead to something: in its image, or in one of those that it is for. */
function requireFound(plans: readonly Plan[], { args, report }: Call): void {
  const isOwn = args.texts("workload").length > 1
  for (const { workload, missing } of plans) {
    const lost = missing.find(
      ({ line }) => isOwn || plans.every((plan) => plan.missing.some((one) => one.line === line)),
    )
    if (!workload || !lost) continue
    throw new ErofsError("ENOENT", `line ${lost.line}: '${lost.path}' is in no image`, {
      syscall: "use",
      path: workload.file,
    })
  }
  for (const { file, missing } of plans) {
    if (missing.length > 0) {
      report.warning(
        `${missing.length} paths of the workload are not in '${file.path}': '${missing[0]?.path}'`,
      )
    }
  }
}

type Table = ReturnType<typeof tableOf>

/** Everything that is known, under keys that stay. */
function tableOf(plans: readonly Plan[], { pages, bookkeeping, evidence }: Counts) {
  // Without sharing a pool needs tables too; the comparison is with those that need none.
  const bytesOf = (mode: Mode): number => pages[mode] * PAGE_SIZE + (mode === "off" ? 0 : bookkeeping[mode])
  const reductionOf = (mode: Mode): number =>
    pages.off === 0 ? 0 : percent(1 - bytesOf(mode) / bytesOf("off"))
  return {
    images: plans.map(({ file, workload, readings, pages, beside, missing }) => ({
      image: file.path,
      workload: workload?.file ?? null,
      files: readings.length,
      pages,
      beside: beside && { ...beside },
      missing: missing.length,
    })),
    pageSize: PAGE_SIZE,
    evidence,
    pages,
    bytes: { off: bytesOf("off"), fingerprint: bytesOf("fingerprint"), content: bytesOf("content") },
    reduction: { fingerprint: reductionOf("fingerprint"), content: reductionOf("content") },
    bookkeepingBytes: bookkeeping.content,
  }
}

/** A share in percent, with two digits. */
function percent(share: number): number {
  return Math.round(share * 1e4) / 100
}

const TITLES: Record<Mode, string> = {
  off: "not shared",
  fingerprint: "by fingerprint",
  content: "by content",
}

function linesOf(table: Table): string[] {
  const lines = table.images.map(
    ({ image, files, pages }) => `${image}: ${counted(files, "file")}, ${counted(pages, "page")}`,
  )
  lines.push("", `${"".padEnd(16)}${"pages".padStart(12)}${"MiB".padStart(12)}${"less".padStart(10)}`)
  for (const mode of MODES) {
    const mib = (table.bytes[mode] / 2 ** 20).toFixed(1)
    const less = mode === "off" ? "" : `${table.reduction[mode].toFixed(1)} %`
    lines.push(
      `${TITLES[mode].padEnd(16)}${String(table.pages[mode]).padStart(12)}${mib.padStart(12)}${less.padStart(10)}`,
    )
  }
  const kib = Math.ceil(table.bookkeepingBytes / 1024)
  lines.push("", `Bookkeeping of ${kib} KiB is counted in. Counted by ${table.evidence}.`)
  return lines
}
