// SPDX-License-Identifier: MIT
import { cpus } from "node:os"
import { isErofsError } from "../errors.js"
import type { Image } from "../image.js"
import { PagePool } from "../pool.js"
import { type Arguments, type Call, type Command, JSON_OPTION, PROGRESS_OPTION } from "./arguments.js"
import { DONE, FAILED, UsageError } from "./exit.js"
import { type Measurement, Measurements, type Results } from "./measurements.js"
import { type ImageFile, imageFileOf, isLocal, mountFile } from "./mounted.js"
import { type Json, toJson } from "./print.js"
import { Progress } from "./progress.js"
import { AsyncReader, SyncReader } from "./readers.js"
import { Stopwatch, type Timing } from "./stopwatch.js"
import { linesOf } from "./timetable.js"

/** Seconds for a measurement of what lies here, and of what is fetched. */
const LOCAL_SECONDS = 0.8
const REMOTE_SECONDS = 2

/** `bench`: how fast an image is here. */
export const bench: Command = {
  name: "bench",
  summary: "Measures how fast an image is read on this machine.",
  usage: "[--seconds N] [--pool BYTES] IMAGE [PATH]",
  options: [
    {
      name: "seconds",
      value: "N",
      help: `time for each of ten measurements; default ${LOCAL_SECONDS}, ${REMOTE_SECONDS} for what is fetched`,
    },
    { name: "pool", value: "BYTES", help: "size of the pool, 64M by default" },
    { name: "plain", help: "pool in plain memory: copies are faster, workers cannot use it" },
    JSON_OPTION,
    PROGRESS_OPTION,
  ],
  notes: [
    "Measured are mounting, walks with the stats of each entry, all files as views and past the pool (direct),",
    "pages of 4096 bytes that are in the pool, and scattered ones that are not. First passes run code that is",
    "cold; of the others the median is told. Each pass over files and each walk begins with an empty pool;",
    "the system's caches stay as they are. Files do not share pages, and inodes with several names are read",
    "once. What takes longer than the time for a measurement is cut off and told, and what cannot be read is",
    "named and left out. Images that are fetched are read asynchronously, all else at once.",
    "",
    "With --json times are nanoseconds of one pass, the median; what a pass cost besides is the mean.",
  ],
  words: { min: 1, max: 2 },
  async run(call: Call): Promise<number> {
    const { args, out, report } = call
    const results = await measure(call)
    if (args.has("json")) out.line(toJson(jsonOf(results), 2))
    else for (const line of linesOf(results)) out.line(out.name(line))
    return report.errors > 0 ? FAILED : DONE
  },
}

/** Everything that is known, under keys that stay. */
function jsonOf({ found, measurements, ...facts }: Results): Json {
  const items = Object.entries(measurements) as [string, Measurement | null][]
  const measured = items.map(([name, one]) => [name, one && { ...one }] as const)
  return { ...facts, found: { ...found }, measurements: new Map(measured) }
}

/** Measurements that there are. */
const STEPS = 10

async function measure({ args, io, report }: Call): Promise<Results> {
  const file = imageFileOf(args)
  const isSync = isLocal(file)
  const seconds = secondsOf(args) ?? (isSync ? LOCAL_SECONDS : REMOTE_SECONDS)
  await using pool = await createPool(args)
  const stopwatch = new Stopwatch(pool, seconds)
  const progress = new Progress(args, io.stderr, BigInt(STEPS), "measurements")
  const told = <T extends Measurement | null>(measurement: T): T => {
    progress.entry(measurement?.bytes)
    return measurement
  }
  try {
    let image: Image | undefined
    const mounted = await stopwatch.once(async () => {
      image = await mountFile(pool, file)
    })
    if (!image) throw new Error("nothing was mounted")
    const start = await image.realpath(args.words[1] ?? "/")
    const reader = isSync ? new SyncReader(image) : new AsyncReader(image)
    const on = new Measurements(pool, reader, stopwatch, (error, path) => report.error(error, path))
    const measurements = {
      mountFirst: told(ofMount(mounted)),
      // Servers and registries are not asked again and again.
      mount: told(isSync ? await mountAgain(pool, file, stopwatch) : null),
      walkFirst: told(await on.walkFirst(start)),
      walk: told(await on.walk(start)),
      viewsFirst: told(await on.viewsFirst()),
      views: told(await on.views()),
      direct: told(await on.direct()),
      cachedView: told(await on.cachedView()),
      cachedCopy: told(await on.cachedCopy()),
      random: told(await on.random()),
    }
    return {
      image: file.path,
      path: start,
      machine: { runtime: runtimeName(), processor: cpus()[0]?.model ?? null },
      pool: { bytes: pool.bytes, shared: pool.isShared },
      mode: reader.mode,
      found: on.found,
      ...on.completeness,
      measurements,
    }
  } finally {
    progress.end()
  }
}

const ofMount = (timing: Timing): Measurement => ({ unit: "mount", count: 1, bytes: 0, ...timing })

/** Mounts the image beside itself, and closes it again. */
async function mountAgain(pool: PagePool, file: ImageFile, stopwatch: Stopwatch): Promise<Measurement> {
  return ofMount(await stopwatch.repeat(async () => await (await mountFile(pool, file)).close()))
}

const SECONDS = /^\d{1,4}(\.\d{1,3})?$/

function secondsOf(args: Arguments): number | undefined {
  const text = args.text("seconds")
  if (text === undefined) return undefined
  if (!SECONDS.test(text)) throw new UsageError(`--seconds takes a number, not '${text}'`)
  return Number(text)
}

async function createPool(args: Arguments): Promise<PagePool> {
  const bytes = args.bytes("pool")
  const isPlain = args.has("plain")
  try {
    return await PagePool.create({
      sharing: "none",
      ...(isPlain && { shared: false }),
      ...(bytes !== undefined && { bytes }),
    })
  } catch (error) {
    if (isErofsError(error) && error.code === "EINVAL") throw new UsageError(error.reason)
    throw error
  }
}

/** What runs this, and its version. */
function runtimeName(): string {
  const { bun, deno, node } = process.versions
  if (bun !== undefined) return `Bun ${bun}`
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`
}
