// SPDX-License-Identifier: MIT
/** Images of trees, and what `erofs-wasm share` says of them, held against hashing the trees. */

import { run } from "../../src/cli/run.js"
import { PageOracle, type TouchedRange } from "../../test/oracle/pages.js"
import { makeImage, type Tree } from "../image/tree.js"

/** Kinds of images, with the options of mkfs.erofs; all carry fingerprints. */
export const KINDS = {
  plain: [],
  lz4: ["-zlz4", "-C65536"],
  dedupe: ["-zlz4", "-C16384", "-Ededupe,fragments"],
} as const satisfies Record<string, readonly string[]>
export type Kind = keyof typeof KINDS

/** The ways to share that are compared. */
export const WAYS = ["off", "fingerprint", "content"] as const
export type Way = (typeof WAYS)[number]

/** What `share --json` prints, as far as it is used here. */
export interface Table {
  evidence: "residency" | "digests"
  pages: Record<Way, number>
  bytes: Record<Way, number>
  reduction: Record<Exclude<Way, "off">, number>
  bookkeepingBytes: number
}

/** Paths of a workload with the ranges of each; undefined for a whole file. */
export type Touched = Map<string, TouchedRange[] | undefined>

/** The image of a tree. Throws if mkfs.erofs is not installed. */
export function imageOf(tree: Tree, kind: Kind): string {
  const path = makeImage(tree, kind, [...KINDS[kind], "--xattr-inode-digest"])
  if (path === undefined) throw new Error("mkfs.erofs is not installed")
  return path
}

/** What `erofs-wasm share --json` prints. */
export async function share(images: readonly string[], workloads: readonly string[] = []): Promise<Table> {
  const out: Uint8Array[] = []
  const err: Uint8Array[] = []
  const argv = ["share", "--json", ...workloads.flatMap((file) => ["--workload", file]), ...images]
  const code = await run(argv, {
    stdout: { isTerminal: false, write: async (bytes) => void out.push(bytes) },
    stderr: { isTerminal: false, write: (bytes) => void err.push(bytes) },
  })
  if (code !== 0) throw new Error(Buffer.concat(err).toString())
  return JSON.parse(Buffer.concat(out).toString()) as Table
}

/** The table of trees as images of a kind; throws unless it is what hashing the trees themselves gives. */
export async function compareTrees(
  trees: readonly Tree[],
  kind: Kind,
  workloads: readonly string[] = [],
  touched: readonly Touched[] = [],
): Promise<Table> {
  const table = await share(
    trees.map((tree) => imageOf(tree, kind)),
    workloads,
  )
  const oracle = new PageOracle()
  for (const [i, { path }] of trees.entries()) oracle.addTree(path, touched[i])
  const [ours, theirs] = [table.pages, oracle.pages].map((pages) => JSON.stringify(pages))
  if (ours !== theirs) throw new Error(`share counts ${ours}, hashing the trees gives ${theirs}`)
  return table
}
