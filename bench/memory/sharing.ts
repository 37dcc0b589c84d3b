// SPDX-License-Identifier: MIT
/** Memory that two versions of a tree take in one pool, with and without sharing by fingerprint. */
import { appendFileSync, cpSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openFileSync, PagePool, type PoolStats } from "../../src/index.node.js"
import { readViews } from "../image/reader.js"
import { makeImage, makeTree, type Tree, WORK_FOLDER } from "../image/tree.js"
import type { Row, SuiteResult } from "../report.js"

/** Part of the sample tree that is used, and every how many-th file differs in the second version. */
const PART = 0.1
const CHANGE_STEP = 10
const POOL_BYTES = 256 << 20
const OPTIONS = ["-zlz4", "-C65536", "--xattr-inode-digest=trusted.erofs.fingerprint"]

/** Reads both versions through one pool, twice, and counts pages. */
export async function suite(): Promise<SuiteResult> {
  const title = "Memory of two versions of a tree"
  const first = makeTree(PART)
  const images = [first, changeTree(first)].map((tree) => makeImage(tree, "fingerprints", OPTIONS))
  const group = `both versions, every ${CHANGE_STEP}th file changed`
  if (!images.every((path) => path !== undefined)) {
    return { title, rows: [], notes: ["Skipped: mkfs.erofs is not installed."] }
  }
  const rows: Row[] = []
  const notes: string[] = []
  const none = await readAll(images, "none")
  const shared = await readAll(images, "fingerprint")
  rows.push({ group, name: "sharing none", pages: none.framesUsed, ratio: 1 })
  const ratio = none.framesUsed / shared.framesUsed
  rows.push({ group, name: "sharing fingerprint", pages: shared.framesUsed, ratio })
  notes.push(
    `Reduction: ${(100 * (1 - 1 / ratio)).toFixed(1)} %; ${shared.pagesSaved} pages saved by sharing.`,
  )
  notes.push("Pages of metadata are counted too.")
  return { title, rows, notes }
}

async function readAll(paths: string[], sharing: "none" | "fingerprint"): Promise<PoolStats> {
  const pool = await PagePool.create({ bytes: POOL_BYTES, sharing })
  for (const path of paths) {
    readViews(await pool.mount(openFileSync(path), { fingerprint: "trusted.erofs.fingerprint" }))
  }
  const stats = pool.stats()
  if (stats.pagesReclaimed > 0) throw new Error("the pool is too small to count what files take")
  await pool.close()
  return stats
}

/** A second version: the same tree with a byte added to every so many-th file. */
function changeTree(tree: Tree): Tree {
  const name = `${tree.name}-changed`
  const path = join(WORK_FOLDER, name)
  if (!existsSync(path)) {
    const unfinished = `${path}.part`
    rmSync(unfinished, { recursive: true, force: true })
    cpSync(tree.path, unfinished, { recursive: true })
    const files = readdirSync(unfinished, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    files.forEach((file, i) => {
      if (i % CHANGE_STEP === 0) appendFileSync(file, "\n")
    })
    renameSync(unfinished, path)
  }
  return { name, path }
}
