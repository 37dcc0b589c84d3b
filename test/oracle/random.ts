// SPDX-License-Identifier: MIT
/**
 * Makes random trees into images with random options, and compares what this library sees with Linux and the tree.
 *
 *     npm run oracle:random -- COUNT SEED [--keep DIR] [--from NUMBER] [--seconds N]
 *
 * Needs root, loop devices, getfattr, setfattr and mkfs.erofs 1.9 (on PATH or in `~/.cache/erofs-utils-1.9/bin`). One
 * line per difference, with the command and the number: `--from NUMBER` with the same seed and COUNT 1 makes it again.
 * Failing images are kept in DIR. Last line: `N images, N differences, N refused by mkfs`.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { bufferSource, type Image, isErofsError, PagePool, type Source } from "../../src/index.node.js"
import type { Expected } from "../support/image-set.js"
import { Random } from "../support/random.js"
import { compareImage, type Difference, lineOf } from "./compare.js"
import { describeTree, mountKernel, UNREADABLE, whyNoMount } from "./kernel.js"
import { type MkfsPlan, randomPlan } from "./mkfs-options.js"
import { checkReads } from "./read-ways.js"
import { makeSourceTree, type SourceTree } from "./source-tree.js"

/** Images made of one tree. */
const IMAGES_PER_TREE = 4
const MKFS_TIMEOUT = 60_000
const MAX_REDRAWS = 50

/** An image and what is known of it. */
interface Made {
  number: number
  file: string
  devices: string[]
  command: string
  plan: MkfsPlan
  tree: SourceTree
  random: Random
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: "string", default: join(tmpdir(), "erofs-random-failures") },
    from: { type: "string", default: "0" },
    seconds: { type: "string" },
  },
})
const [count = Number.NaN, seed = Number.NaN] = positionals.map(Number)
if (Number.isNaN(count + seed)) {
  console.error("usage: oracle:random COUNT SEED [--keep DIR] [--from NUMBER] [--seconds N]")
  process.exit(2)
}
const mkfs = findMkfs()
const reason = whyNoMount() ?? (mkfs === undefined ? "there is no mkfs.erofs 1.9" : undefined)
if (mkfs === undefined || reason !== undefined) {
  console.log(`skipped: ${reason}`)
  process.exit(0)
}
const totals = { images: 0, differences: 0, refused: 0, kernelRefused: 0, kernelWrong: 0, mkfsWrong: 0 }
const work = mkdtempSync(join(tmpdir(), "erofs-random-"))
// A tmpfs keeps every extended attribute.
execFileSync("mount", ["-t", "tmpfs", "-o", "mode=755", "none", work])
try {
  await runAll(Number(options.from), count)
} finally {
  execFileSync("umount", [work])
  rmSync(work, { recursive: true })
}
console.log(
  `${totals.kernelRefused} refused by Linux, ${totals.kernelWrong} things that Linux reads wrong or not at all, ` +
    `${totals.mkfsWrong} files or images that mkfs made wrong`,
)
console.log(`${totals.images} images, ${totals.differences} differences, ${totals.refused} refused by mkfs`)
process.exitCode = totals.differences > 0 ? 1 : 0

async function runAll(from: number, images: number): Promise<void> {
  const until = performance.now() + 1000 * Number(options.seconds ?? Number.POSITIVE_INFINITY)
  let tree: SourceTree | undefined
  let treeNumber = -1
  for (let number = from; number < from + images && performance.now() < until; number++) {
    const wanted = Math.floor(number / IMAGES_PER_TREE)
    if (!tree || wanted !== treeNumber) {
      if (tree) rmSync(tree.root, { recursive: true })
      const root = join(work, `tree${wanted}`)
      mkdirSync(root)
      tree = makeSourceTree(root, new Random(seed, wanted, 1))
      treeNumber = wanted
    }
    const made = makeImage(number, tree, new Random(seed, number, 2))
    if (!made) continue
    const differences = await check(made)
    totals.images++
    totals.differences += differences.length
    for (const line of differences) console.log(`${number}: ${made.command}\n    ${line}`)
    if (differences.length > 0) keep(made)
    for (const file of [made.file, ...made.devices]) rmSync(file)
  }
}

/** Makes image number `number`; options that mkfs refuses are drawn again. */
function makeImage(number: number, tree: SourceTree, random: Random): Made | undefined {
  for (let attempt = 0; attempt < MAX_REDRAWS; attempt++) {
    const plan = randomPlan(random)
    const file = join(work, `${number}.erofs`)
    const devices: string[] = []
    let source = tree.root
    const args = [...plan.options]
    if (plan.tar) {
      source = join(work, `${number}.tar`)
      const tarArgs = [
        "--format=posix",
        "--xattrs",
        "--xattrs-include=*",
        "-cf",
        source,
        "-C",
        tree.root,
        ".",
      ]
      execFileSync("tar", tarArgs, { stdio: "pipe" })
      if (plan.tar === "i") devices.push(source)
    }
    if (plan.hasBlob) {
      devices.push(join(work, `${number}.blob`))
      args.push(`--blobdev=${devices[0]}`)
    }
    args.push(file, source)
    const done = spawnSync(mkfs as string, args, { timeout: MKFS_TIMEOUT, stdio: "pipe" })
    if (plan.tar === "f") rmSync(source)
    if (done.status === 0) {
      return { number, file, devices, command: ["mkfs.erofs", ...args].join(" "), plan, tree, random }
    }
    totals.refused++
    for (const leftover of [file, ...devices]) rmSync(leftover, { force: true })
  }
  return undefined
}

/** Everything in which the image is not what Linux and the source tree say. */
async function check(made: Made): Promise<string[]> {
  const { random } = made
  await using pool = await PagePool.create({
    bytes: random.pick([256 << 10, 1 << 20, 8 << 20, 64 << 20]),
    shared: random.chance(50),
  })
  try {
    const devices = made.devices.map((file) => bufferSource(readFileSync(file)))
    const shown = kernelTree(made)
    const image = await mountUnlessWrong(pool, made, devices, shown)
    if (!image) return []
    if (shown === "unreadable") return checkUnreadable(image, made)
    const seen = shown === "refused" ? undefined : shown
    const bad = [...(seen ?? [])].filter(([, { sha256 }]) => sha256 === UNREADABLE).map(([path]) => path)
    if (bad.length > 0) return checkBad(image, made, bad)
    const lines = [
      ...(seen ? await compareWithKernel(image, made, seen) : []),
      ...compareContent(image, made, seen),
    ]
    const right = [...made.tree.files].filter(([path, content]) => isContentOf(image, path, content))
    const files = right.slice(0, 40).map(([path, content]) => ({
      path,
      size: content.length,
      read: (position: number, length: number) => content.subarray(position, position + length),
    }))
    if (files.length > 0) lines.push(...(await checkReads(image, files, 16, random)))
    if (pool.stats().framesPinned > 0) lines.push(`${pool.stats().framesPinned} frames are still pinned`)
    return lines
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  }
}

/** Files that Linux does not read, mkfs made wrong: they may be refused here as well, the others not. */
function checkBad(image: Image, { tree }: Made, bad: readonly string[]): string[] {
  totals.kernelWrong += bad.length
  const lines: string[] = []
  for (const [path, content] of tree.files) {
    try {
      if (!isContentOf(image, path, content)) lines.push(`${path}: content is not that of the source tree`)
    } catch (error) {
      if (!bad.includes(path) || !isErofsError(error, "EUCLEAN")) lines.push(`${path}: ${String(error)}`)
    }
  }
  return lines
}

/** The mounted image; undefined if mkfs made it wrong, which is so when Linux does not read it either. */
async function mountUnlessWrong(
  pool: PagePool,
  made: Made,
  devices: Source[],
  shown: ReturnType<typeof kernelTree>,
): Promise<Image | undefined> {
  try {
    return await pool.mount(bufferSource(readFileSync(made.file)), { devices })
  } catch (error) {
    if (typeof shown !== "string" || !isErofsError(error, "EUCLEAN")) throw error
    totals.mkfsWrong++
    return undefined
  }
}

/** What Linux shows, if it mounts the image and can walk it. */
function kernelTree(made: Made): Map<string, Expected> | "refused" | "unreadable" {
  let mount: ReturnType<typeof mountKernel>
  try {
    mount = mountKernel(made.file, made.devices)
  } catch {
    totals.kernelRefused++
    return "refused"
  }
  try {
    return describeTree(mount.path)
  } catch {
    return "unreadable"
  } finally {
    mount.close()
  }
}

/** An image that Linux cannot walk: mkfs made it wrong if it is damaged here too, or else Linux misreads it. */
function checkUnreadable(image: Image, made: Made): string[] {
  try {
    for (const entry of image.walkSync("/")) image.statSync(entry)
  } catch (error) {
    if (!isErofsError(error, "EUCLEAN")) throw error
    totals.mkfsWrong++
    return []
  }
  totals.kernelWrong++
  // Directories are fragments too.
  return mayMisreadTails(made) ? compareContent(image, made, undefined) : ["Linux cannot walk the tree"]
}

/**
 * Linux 6.18 reads inline plain tails of images with fragments wrong: it rotates them (trap 1 of the format text). And
 * of inodes in the metabox it takes shared attributes for others, or none, when the inline ones lie on a page of the
 * same number. In both cases the source tree decides.
 */
async function compareWithKernel(image: Image, made: Made, seen: Map<string, Expected>): Promise<string[]> {
  const differences = await compareImage(image, seen)
  const mayMisreadXattrs = / -m\d/.test(made.command)
  const isKernelsFault = (difference: Difference): boolean => {
    const { path, key } = difference
    if (key === "xattrs") return mayMisreadXattrs && isAsInSource(difference, made)
    return mayMisreadTails(made) && key === "sha256" && isContentOf(image, path, made.tree.files.get(path))
  }
  const ours = differences.filter((difference) => !isKernelsFault(difference))
  totals.kernelWrong += differences.length - ours.length
  return ours.map((difference) => lineOf("not as in Linux", difference))
}

/** Whether the image may have inline plain tails that Linux rotates. */
function mayMisreadTails({ command }: Made): boolean {
  return /ztailpacking/.test(command) && /fragments/.test(command)
}

/** Whether every attribute in which Linux shows something else is one of the source tree. */
function isAsInSource({ path, got, want }: Difference, { tree }: Made): boolean {
  tree.described ??= describeTree(tree.root)
  const source = tree.described.get(path)?.xattrs as Record<string, string> | undefined
  const ours = new Map(JSON.parse(got) as [string, string][])
  const theirs = new Map(JSON.parse(want) as [string, string][])
  const names = [...new Set([...ours.keys(), ...theirs.keys()])]
  return names.every((name) => ours.get(name) === theirs.get(name) || ours.get(name) === source?.[name])
}

/** Files that are neither as in the source tree nor as in Linux; those that are as in Linux alone mkfs made wrong. */
function compareContent(image: Image, { tree }: Made, seen: Map<string, Expected> | undefined): string[] {
  const wrong = [...tree.files].filter(([path, content]) => !isContentOf(image, path, content))
  const ours = wrong.filter(([path]) => digestOf(image.readFileSync(path)) !== seen?.get(path)?.sha256)
  totals.mkfsWrong += wrong.length - ours.length
  return ours.map(([path]) => `${path}: content is not that of the source tree`)
}

function isContentOf(image: Image, path: string, content: Uint8Array | undefined): boolean {
  return content !== undefined && digestOf(image.readFileSync(path)) === digestOf(content)
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function keep(made: Made): void {
  mkdirSync(options.keep, { recursive: true })
  for (const file of [made.file, ...made.devices]) {
    copyFileSync(file, join(options.keep, `${seed}-${file.slice(work.length + 1)}`))
  }
}

function findMkfs(): string | undefined {
  const candidates = ["mkfs.erofs", join(homedir(), ".cache/erofs-utils-1.9/bin/mkfs.erofs")]
  return candidates.find((path) => {
    if (path.includes("/") && !existsSync(path)) return false
    return /1\.9/.test(spawnSync(path, ["-V"], { encoding: "utf8" }).stdout ?? "")
  })
}
