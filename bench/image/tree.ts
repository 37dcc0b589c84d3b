// SPDX-License-Identifier: MIT
/** A tree of files as root filesystems have them, and images of it. Made once, kept in the temporary folder. */
import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { corpora, packageFolder } from "../data.js"
import { findTool } from "../tools.js"

/** Where trees and images lie. */
export const WORK_FOLDER = join(tmpdir(), "erofs-wasm-bench")

const TOTAL_BYTES = 300e6
const TOTAL_FILES = 10_000
const LARGEST_FILE = 32e6
/** Where files come from, and which share of the files and of the bytes. */
const ORIGINS = [
  { folder: join(packageFolder, "node_modules"), files: 0.2, bytes: 0.25 },
  { folder: "/usr/include", files: 0.3, bytes: 0.1 },
  { folder: "/usr/share", files: 0.25, bytes: 0.15 },
  { folder: "/usr/lib", files: 0.25, bytes: 0.5 },
  { folder: dirname(dirname(process.execPath)), files: 0.2, bytes: 0.25 },
]

/** A tree on the disk. */
export interface Tree {
  name: string
  path: string
}

/** The tree; a `part` of it (1 = all) is made of fewer and fewer bytes. The choice depends only on what is installed. */
export function makeTree(part: number): Tree {
  const name = `tree-${Math.round(part * 100)}`
  const path = join(WORK_FOLDER, name)
  if (!existsSync(path)) {
    const unfinished = `${path}.part`
    rmSync(unfinished, { recursive: true, force: true })
    const left = { files: TOTAL_FILES * part, bytes: TOTAL_BYTES * part }
    for (const { folder, files, bytes } of ORIGINS) {
      const share = {
        files: Math.min(left.files, TOTAL_FILES * part * files),
        bytes: Math.min(left.bytes, TOTAL_BYTES * part * bytes),
      }
      const before = { ...share }
      copyFolder(folder, join(unfinished, folder), share)
      left.files -= before.files - share.files
      left.bytes -= before.bytes - share.bytes
    }
    renameSync(unfinished, path)
  }
  return { name, path }
}

/** A tree that consists of one file, made of the bodies of data that all benchmarks use. */
export function makeFileTree(length: number): Tree & { file: string } {
  const name = `file-${length}`
  const path = join(WORK_FOLDER, name)
  const file = "data"
  if (!existsSync(path)) {
    const unfinished = `${path}.part`
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished, { recursive: true })
    const pieces = corpora(Math.ceil(length / 2)).map(({ bytes }) => bytes)
    const content = new Uint8Array(length)
    for (let at = 0, i = 0; at < length; i++) {
      const piece = (pieces[i % pieces.length] as Uint8Array).subarray(0, length - at)
      content.set(piece, at)
      at += piece.length
    }
    writeFileSync(join(unfinished, file), content)
    renameSync(unfinished, path)
  }
  return { name, path, file }
}

/** Copies regular files below a folder, in the order of their names, as long as any are left to copy. */
function copyFolder(from: string, to: string, left: { files: number; bytes: number }): void {
  let names: string[]
  try {
    names = readdirSync(from).sort()
  } catch {
    return
  }
  for (const name of names) {
    if (left.files < 1) return
    const source = join(from, name)
    try {
      const stat = lstatSync(source)
      if (stat.isDirectory()) copyFolder(source, join(to, name), left)
      if (!stat.isFile() || stat.size > Math.min(left.bytes, LARGEST_FILE)) continue
      mkdirSync(to, { recursive: true })
      copyFileSync(source, join(to, name))
      left.files--
      left.bytes -= stat.size
    } catch {
      // Unreadable or gone: not needed.
    }
  }
}

/** The image of a tree that mkfs.erofs makes with these options; undefined if it is not installed. */
export function makeImage(tree: Tree, name: string, options: readonly string[]): string | undefined {
  const mkfs = findTool("mkfs.erofs")
  if (!mkfs) return undefined
  const path = join(WORK_FOLDER, `${tree.name}-${name}.erofs`)
  if (!existsSync(path)) {
    const unfinished = `${path}.part`
    writeFileSync(unfinished, "")
    execFileSync(mkfs, ["--quiet", "-T0", "--all-root", ...options, unfinished, tree.path], {
      stdio: "ignore",
    })
    renameSync(unfinished, path)
  }
  return path
}
