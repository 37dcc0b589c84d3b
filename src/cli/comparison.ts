// SPDX-License-Identifier: MIT
/** Comparing what files of several images take in one pool, by the ways in which they can share. */

import { ErofsError, isErofsError } from "../errors.js"
import type { Image } from "../image.js"
import type { MountOptions } from "../mount.js"
import { PAGE_SIZE } from "../page.js"
import { PagePool } from "../pool.js"
import type { PoolOptions } from "../pool-options.js"
import { Census } from "./census.js"
import { type ImageFile, mountFile } from "./mounted.js"
import { countPages } from "./page-ranges.js"
import { countFrames, type Watcher } from "./residence.js"
import { type Beside, type Reading, type Workload, wholeReadings } from "./workload.js"

/** The ways to share that are compared, and the pools that share so. */
const SHARING = {
  off: "none",
  fingerprint: "fingerprint",
  content: ["fingerprint", "content"],
} as const satisfies Record<string, PoolOptions["sharing"]>
export type Mode = keyof typeof SHARING
export const MODES = Object.keys(SHARING) as Mode[]

/** Frames beside those that are counted: metadata, and what is decoded along with what is wanted. */
const WORKING_FRAMES = 8192
/** Pages by which the bookkeeping of more than fit is judged. */
const SAMPLE_PAGES = 16384
/** Frames of the largest pool that is made to see how large its tables are. */
const LARGEST_FRAMES = 1 << 17
/** Bytes that a pool has at least. */
const SMALLEST_POOL = 256 << 10

/** One of the images, and how it is mounted where files share. */
export interface Member {
  file: ImageFile
  options: MountOptions
  /** What of it is read; all files if undefined. */
  workload: Workload | undefined
}

/** What is read of a member. */
export interface Plan extends Member {
  readings: Reading[]
  pages: number
  /** What else the tree holds; unknown where only a workload is read. */
  beside: Beside | undefined
  /** Lines of the workload whose paths lead to nothing. */
  missing: { path: string; line: number }[]
}

/** What was counted. */
export interface Counts {
  /** Pages of regular files by the ways to share. */
  pages: Record<Mode, number>
  /** Bytes of the pool's tables for so many pages. */
  bookkeeping: Record<Mode, number>
  /** How: pages that were in a pool at the same time, or digests of pages that went through it. */
  evidence: "residency" | "digests"
}

/** Finds out what is to be read of an image. */
export async function planMember(member: Member): Promise<Plan> {
  return await withPool("none", undefined, async (pool) => {
    const image = await mountFile(pool, member.file)
    const missing: Plan["missing"] = []
    const { workload } = member
    const onMissing = (path: string, line: number): void => void missing.push({ path, line })
    const { readings, beside } = workload
      ? { readings: await workload.readings(image, onMissing), beside: undefined }
      : await wholeReadings(image)
    const pages = readings.reduce((sum, reading) => sum + countPages(reading.pages), 0)
    return { ...member, readings, pages, beside, missing }
  })
}

/** How many further devices an image has. */
export async function countDevices(file: ImageFile): Promise<number> {
  return await withPool("none", undefined, async (pool) => (await mountFile(pool, file)).devices.length)
}

/** Digests of all files of an image, as a sidecar. */
export async function digestFiles(file: ImageFile): Promise<Uint8Array> {
  return await withPool("none", undefined, async (pool) => await (await mountFile(pool, file)).fingerprints())
}

/** Whether the pages of plans may be in memory at the same time, all of them. */
export function fits(plans: readonly Plan[], memory: number): boolean {
  return sumPages(plans) * PAGE_SIZE <= memory
}

/** Counts the pages that plans take together, in a pool if they fit `memory` bytes. */
export async function countTogether(
  plans: readonly Plan[],
  memory: number,
  watcher: Watcher,
): Promise<Counts> {
  const off = sumPages(plans)
  if (fits(plans, memory)) {
    try {
      const { pages, records } = await countResident(plans, off, watcher)
      return { pages, bookkeeping: await addTables(records, pages), evidence: "residency" }
    } catch (error) {
      // Not to be had, or not without reclaim.
      if (!isErofsError(error) || error.code !== "ENOMEM") throw error
    }
  }
  return await countDigests(plans, off, watcher)
}

/** Has the pages in a pool, once for each way to share. Answers them and the bytes of records that they needed. */
async function countResident(
  plans: readonly Plan[],
  off: number,
  watcher: Watcher,
): Promise<{ pages: Counts["pages"]; records: Counts["bookkeeping"] }> {
  const pages = { off: 0, fingerprint: 0, content: 0 }
  const records = { off: 0, fingerprint: 0, content: 0 }
  for (const mode of MODES) {
    await withPool(SHARING[mode], (off + WORKING_FRAMES) * PAGE_SIZE, async (pool) => {
      const members: [Image, Reading[]][] = []
      for (const plan of plans) members.push([await mountFile(pool, plan.file, plan.options), plan.readings])
      const found = await countFrames(pool, members, watcher)
      pages[mode] = found.frames
      records[mode] = found.records
    })
  }
  if (pages.off !== off) throw new ErofsError("EIO", `${pages.off} pages are in memory instead of ${off}`)
  return { pages, records }
}

/** Lets the pages pass through a pool and counts digests; records of the pool are those of a part, in proportion. */
async function countDigests(plans: readonly Plan[], off: number, watcher: Watcher): Promise<Counts> {
  const census = new Census()
  for (const { file, options, readings } of plans) {
    // One after the other: what is mounted together shares, and each file is to be read for itself.
    await withPool("fingerprint", undefined, async (pool) => {
      await census.add(await mountFile(pool, file, options), readings, watcher)
    })
  }
  const { fingerprint, content } = census
  const pages = { off, fingerprint, content }
  const part = firstPages(plans, SAMPLE_PAGES)
  const sample = await countResident(part, sumPages(part), watcher)
  const records = { off: 0, fingerprint: 0, content: 0 }
  for (const mode of MODES) {
    records[mode] = Math.ceil((sample.records[mode] * pages[mode]) / Math.max(1, sample.pages[mode]))
  }
  return { pages, bookkeeping: await addTables(records, pages), evidence: "digests" }
}

/** Adds the tables that a pool has even when it is empty, for pools of just so many pages. */
async function addTables(
  records: Counts["bookkeeping"],
  pages: Counts["pages"],
): Promise<Counts["bookkeeping"]> {
  const bookkeeping = { ...records }
  for (const mode of MODES) {
    const frames = Math.min(pages[mode], LARGEST_FRAMES)
    const bytes = Math.max(frames * PAGE_SIZE, SMALLEST_POOL)
    const tables = await withPool(SHARING[mode], bytes, async (pool) => pool.stats().bookkeepingBytes)
    bookkeeping[mode] += Math.ceil((tables * pages[mode]) / Math.max(1, frames))
  }
  return bookkeeping
}

/** As much of the plans as has at most so many pages, of each in proportion. */
function firstPages(plans: readonly Plan[], limit: number): Plan[] {
  const share = Math.min(1, limit / Math.max(1, sumPages(plans)))
  return plans.map((plan) => {
    let left = Math.floor(plan.pages * share)
    const readings = plan.readings.flatMap((reading) => {
      const pages = reading.pages.flatMap(({ from, to }) => {
        const end = Math.min(to, from + left)
        left -= end - from
        return end > from ? { from, to: end } : []
      })
      return pages.length > 0 ? { ...reading, pages } : []
    })
    return { ...plan, readings, pages: Math.floor(plan.pages * share) }
  })
}

function sumPages(plans: readonly Plan[]): number {
  return plans.reduce((sum, { pages }) => sum + pages, 0)
}

async function withPool<T>(
  sharing: NonNullable<PoolOptions["sharing"]>,
  bytes: number | undefined,
  use: (pool: PagePool) => Promise<T>,
): Promise<T> {
  // Plain memory: there are no workers, and copies out of it are faster.
  await using pool = await PagePool.create({ shared: false, sharing, ...(bytes !== undefined && { bytes }) })
  return await use(pool)
}
