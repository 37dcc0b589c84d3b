// SPDX-License-Identifier: MIT
/** Threads that share the work of a command, and the pool: what every command with `--jobs` has in common. */
import { statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { type MessagePort as Port, Worker } from "node:worker_threads"
import type { PoolHandle } from "../handle.js"
import type { Image } from "../image.js"
import type { ImageHandle } from "../mount.js"
import type { PagePool } from "../pool.js"
import type { Arguments, OptionSpec } from "./arguments.js"
import { UsageError } from "./exit.js"
import { type ImageFile, imageFileOf } from "./mounted.js"

export const JOBS_OPTION: OptionSpec = {
  name: "jobs",
  value: "N",
  help: "threads at work; default one a core, and one for small images",
}

/** Bytes of an image below which threads take longer to start than they save. */
const SMALL_IMAGE = 16 << 20
const MAX_JOBS = 32

/** How many threads work, this one among them. Throws {@link UsageError} for a number that makes no sense. */
export function jobsOf(args: Arguments): number {
  const jobs = args.count("jobs")
  if (jobs !== undefined) {
    if (jobs < 1 || jobs > MAX_JOBS) throw new UsageError(`--jobs takes a number from 1 to ${MAX_JOBS}`)
    return jobs
  }
  const { path, devices } = imageFileOf(args)
  const bytes = [path, ...devices].reduce((sum, file) => sum + sizeOf(file), 0)
  return bytes < SMALL_IMAGE ? 1 : Math.min(availableParallelism(), MAX_JOBS)
}

/** What cannot be looked at counts as small: whoever opens it can tell why. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}

/** What a thread is told first. */
export interface WorkerStart<Settings> {
  pool: PoolHandle
  mount: ImageHandle
  file: ImageFile
  settings: Settings
}

/** What a thread needs to know of the image and the pool. */
export interface Ground {
  image: Image
  pool: PagePool
  file: ImageFile
}

/** A round of work: jobs in batches, which threads take as they come to them. */
export interface Round<Jobs> {
  jobs: Jobs
  /** First job of each batch, and the number of jobs. */
  starts: Uint32Array
  /** The batch that is taken next, in shared memory. */
  next: Int32Array<SharedArrayBuffer>
  counters: RoundCounters
}

/** What threads tell each other during a round, or several that belong together, in shared memory. */
export type RoundCounters = Int32Array<SharedArrayBuffer>

const IS_STOPPED = 0
const ENTRIES = 1
const KIBIBYTES = 2
const COUNTERS = 3

/** Counters for rounds that begin. */
export function newCounters(): RoundCounters {
  return new Int32Array(new SharedArrayBuffer(4 * COUNTERS))
}

/** A round of jobs, by the bytes that each is about: large ones alone, small neighbours together. */
export function roundOf<Jobs>(
  jobs: Jobs,
  sizes: readonly number[],
  counters: RoundCounters = newCounters(),
): Round<Jobs> {
  const starts: number[] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const [i, size] of sizes.entries()) {
    if (bytes >= BATCH_BYTES || i - (starts.at(-1) ?? 0) >= BATCH_JOBS) {
      starts.push(i)
      bytes = 0
    }
    bytes += size
  }
  const next = new Int32Array(new SharedArrayBuffer(4))
  return { jobs, starts: Uint32Array.of(...starts, sizes.length), next, counters }
}

const BATCH_BYTES = 1 << 20
const BATCH_JOBS = 32

/** A thread that wants to know of jobs before it does them. */
export interface Foresight {
  /** Batches that it takes before it comes to them; others get fewer then. */
  batches: number
  /** Told of each job that it has taken, in order. */
  onTaken: (job: number) => void
}

/** Batches of jobs that one of several threads takes early where contents come from afar. */
const BATCHES_AHEAD = 6

/**
 * What a thread wants to know of jobs whose contents are expected, if they are. Others take jobs, too, unless it is
 * alone: which ones come next is known of those alone that it has taken.
 */
export function foresightOf(
  jobs: readonly { nid: bigint }[],
  expected: { add(nid: bigint): void } | undefined,
  isAlone: boolean,
): Foresight | undefined {
  if (!expected) return undefined
  const onTaken = (job: number): void => expected.add((jobs[job] as { nid: bigint }).nid)
  return { batches: isAlone ? Number.POSITIVE_INFINITY : BATCHES_AHEAD, onTaken }
}

/**
 * The jobs of a round that this thread takes: one after the other, until none is left or somebody stops the round. A batch
 * that was taken is gone through all the same: of the jobs before the one that stopped the round, none is left out.
 */
export function* takeJobs(
  { starts, next, counters }: Round<unknown>,
  { batches, onTaken }: Foresight = { batches: 0, onTaken: () => {} },
): Generator<number, void, void> {
  const taken: { job: number; end: number }[] = []
  for (let isOver = false; ; ) {
    while (!isOver && taken.length <= batches) {
      const batch = isStopped(counters) ? starts.length : Atomics.add(next, 0, 1)
      isOver = batch >= starts.length - 1
      if (isOver) break
      const [job, end] = [starts[batch] as number, starts[batch + 1] as number]
      for (let number = job; number < end; number++) onTaken(number)
      taken.push({ job, end })
    }
    const first = taken.shift()
    if (!first) return
    for (let job = first.job; job < first.end; job++) yield job
  }
}

/** Lets nobody take another batch of rounds with these counters. */
export function stopRound(counters: RoundCounters): void {
  Atomics.store(counters, IS_STOPPED, 1)
}

export function isStopped(counters: RoundCounters): boolean {
  return Atomics.load(counters, IS_STOPPED) !== 0
}

/** Counts what has been done, for whoever shows it: an entry; bytes of entries. */
export function countEntry(counters: RoundCounters): void {
  Atomics.add(counters, ENTRIES, 1)
}
export function countBytes(counters: RoundCounters, bytes: number): void {
  Atomics.add(counters, KIBIBYTES, Math.round(bytes / 1024))
}

/** Entries and bytes (about) that have been counted. */
export function countsOf(counters: RoundCounters): { entries: number; bytes: number } {
  return { entries: Atomics.load(counters, ENTRIES), bytes: Atomics.load(counters, KIBIBYTES) * 1024 }
}

/** Threads besides this one that work on rounds. Dispose of it when there are no more. */
export class Crew<Settings, Jobs, Result> {
  readonly #members: Member<Result>[]

  /**
   * Starts `count` threads of a module that calls `serve` of crew-worker.ts. They can be started before the image is mounted,
   * and get ready meanwhile; {@link enter} tells them what it is all about, before the first round.
   */
  constructor(module: URL, count: number) {
    this.#members = Array.from({ length: count }, () => new Member<Result>(new Worker(module)))
  }

  /** Lets all threads into the pool, to mount the image there. */
  enter({ image, pool, file }: Ground, settings: Settings): void {
    for (const member of this.#members) {
      const same = { ...file, identity: image.primary.identity }
      const start: WorkerStart<Settings> = { pool: pool.share(), mount: image.share(), file: same, settings }
      member.enter(start)
    }
  }

  /**
   * Has the other threads work on a round, after those that were begun before, while this one does what it likes.
   * Answers what they find: the answer must be asked for, with {@link settle}.
   */
  begin(round: Round<Jobs>): Promise<Result[]> {
    const results = Promise.all(this.#members.map((member) => member.work(round)))
    // If this thread fails first, theirs is of no interest any more.
    results.catch(() => {})
    return results
  }

  /** Has all threads work on a round while this one does, too: `work` is its part. Otherwise like {@link settle}. */
  async share(
    round: Round<Jobs>,
    work: () => Result | Promise<Result>,
    onWait: () => void,
  ): Promise<Result[]> {
    const others = this.begin(round)
    const own = await work()
    return [own, ...(await this.settle(others, onWait))]
  }

  /**
   * What threads found in a round, once they are done. `onWait` is called from time to time until then. Throws if a thread
   * ends too early.
   */
  async settle(results: Promise<Result[]>, onWait: () => void): Promise<Result[]> {
    const timer = setInterval(onWait, WAIT_INTERVAL)
    try {
      return await results
    } finally {
      clearInterval(timer)
    }
  }

  /** Ends all threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.end()))
  }
}

const WAIT_INTERVAL = 100

/** One thread: what it answers, or why it ended. */
class Member<Result> {
  readonly #worker: Worker
  #failure: Error | undefined
  /** Who waits for what it answers next, in the order of the rounds. */
  readonly #waiting: { resolve: (result: Result) => void; reject: (error: Error) => void }[] = []

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on("message", (result: Result) => this.#waiting.shift()?.resolve(result))
    worker.on("error", (error) => this.#fail(error))
    worker.on("exit", (code) => this.#fail(new Error(`a thread ended with ${code}`)))
  }

  enter(start: WorkerStart<unknown>): void {
    this.#worker.postMessage(start, [start.pool.port as unknown as Port])
  }

  work(round: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage(round)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}
