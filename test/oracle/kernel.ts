// SPDX-License-Identifier: MIT
/** Mounting good images with Linux, and describing what it shows. Never mount a damaged image. */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decodeName } from "../../src/format/names.js"
import type { Expected } from "../support/image-set.js"

/** A mounted image. */
export interface KernelMount {
  path: string
  close(): void
}

/** Why nothing can be mounted here; undefined if it can. */
export function whyNoMount(): string | undefined {
  if (process.platform !== "linux") return "this is not Linux"
  if (process.getuid?.() !== 0) return "only root can mount"
  if (!/\berofs\b/.test(readFileSync("/proc/filesystems", "utf8"))) {
    const loaded = spawnSync("modprobe", ["erofs"]).status === 0
    if (!loaded) return "this kernel has no EROFS"
  }
  return existsSync("/dev/loop-control") ? undefined : "there are no loop devices"
}

/** Mounts an image read-only. Throws with what mount says if Linux refuses it. */
export function mountKernel(file: string, devices: readonly string[] = [], offset = 0): KernelMount {
  const loops: string[] = []
  const path = mkdtempSync(join(tmpdir(), "erofs-mount-"))
  const release = (): void => {
    for (const loop of loops) execFileSync("losetup", ["--detach", loop])
    rmdirSync(path)
  }
  try {
    for (const device of devices) {
      loops.push(
        execFileSync("losetup", ["--find", "--show", "--read-only", device], { encoding: "utf8" }).trim(),
      )
    }
    const options = [
      "ro",
      "loop",
      ...loops.map((loop) => `device=${loop}`),
      ...(offset ? [`offset=${offset}`] : []),
    ]
    execFileSync("mount", ["-t", "erofs", "-o", options.join(","), file, path], { stdio: "pipe" })
  } catch (error) {
    release()
    throw error
  }
  return {
    path,
    close() {
      execFileSync("umount", [path])
      release()
    },
  }
}

/** Everything below a folder as a manifest describes it, by path in the order of the paths' bytes. */
export function describeTree(root: string): Map<string, Expected> {
  const xattrs = readXattrs(root)
  const found: { path: Buffer; entry: Expected; nlink: bigint; ino: bigint }[] = []
  const todo = [Buffer.alloc(0)]
  for (let path = todo.pop(); path; path = todo.pop()) {
    const here = Buffer.concat([Buffer.from(root), path])
    const stat = lstatSync(here, { bigint: true })
    const entry = describeEntry(here, stat)
    entry.xattrs = xattrs.get(path.toString("latin1")) ?? {}
    found.push({ path: path.length > 0 ? path : Buffer.from("/"), entry, nlink: stat.nlink, ino: stat.ino })
    if (entry.type !== "dir") continue
    for (const name of readdirSync(here, { encoding: "buffer" })) {
      todo.push(Buffer.concat([path, Buffer.from("/"), name]))
    }
  }
  found.sort((a, b) => Buffer.compare(a.path, b.path))
  const first = new Map<bigint, string>()
  const entries = new Map<string, Expected>()
  for (const { path, entry, nlink, ino } of found) {
    const name = decodeName(path)
    if (entry.type !== "dir" && nlink > 1n) {
      const original = first.get(ino)
      if (original === undefined) first.set(ino, name)
      else entry.link_of = original
    }
    entries.set(name, entry)
  }
  return entries
}

const SECOND = 1_000_000_000n

function describeEntry(path: Buffer, stat: ReturnType<typeof statOf>): Expected {
  const seconds = stat.mtimeNs / SECOND - (stat.mtimeNs % SECOND < 0n ? 1n : 0n)
  const entry: Expected = {
    type: typeOf(stat),
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    nlink: Number(stat.nlink),
    size: Number(stat.size),
    mtime: [Number(seconds), Number(stat.mtimeNs - seconds * SECOND)],
  }
  if (entry.type === "char" || entry.type === "block") entry.rdev = deviceParts(stat.rdev)
  if (entry.type === "symlink") entry.target = decodeName(readlinkSync(path, { encoding: "buffer" }))
  if (entry.type === "file") entry.sha256 = digestOf(path)
  return entry
}

/** What stands for the digest of a file that Linux shows and fails to read. */
export const UNREADABLE = "unreadable"

function digestOf(path: Buffer): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex")
  } catch {
    return UNREADABLE
  }
}

function statOf(path: Buffer) {
  return lstatSync(path, { bigint: true })
}

function typeOf(stat: ReturnType<typeof statOf>): string {
  if (stat.isFile()) return "file"
  if (stat.isDirectory()) return "dir"
  if (stat.isSymbolicLink()) return "symlink"
  if (stat.isCharacterDevice()) return "char"
  if (stat.isBlockDevice()) return "block"
  return stat.isFIFO() ? "fifo" : "socket"
}

/** Major and minor number as the C library of Linux encodes them. */
function deviceParts(rdev: bigint): [number, number] {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)
  return [Number(major), Number(minor)]
}

const MAX_OUTPUT = 1 << 28

/** Extended attributes of everything below a folder, by the path in it; values in base64. */
function readXattrs(root: string): Map<string, Record<string, string>> {
  const args = ["-R", "-P", "-h", "-d", "-m", "-", "-e", "base64", "--", "."]
  const { stdout } = spawnSync("getfattr", args, { cwd: root, maxBuffer: MAX_OUTPUT })
  const all = new Map<string, Record<string, string>>()
  let current: Record<string, string> = {}
  for (const line of stdout.toString("latin1").split("\n")) {
    if (line.startsWith("# file: ")) {
      current = {}
      all.set(pathOf(unquote(line.slice("# file: ".length))), current)
      continue
    }
    const equals = line.indexOf("=")
    if (line === "") continue
    const name = unquote(equals < 0 ? line : line.slice(0, equals))
    const value = equals < 0 ? "" : line.slice(equals + 1)
    current[decodeName(Buffer.from(name, "latin1"))] = value.replace(/^0s/, "")
  }
  return all
}

/** A path as getfattr shows it, from the folder's own name "." on. */
function pathOf(shown: string): string {
  return shown === "." ? "" : `/${shown.replace(/^\.\//, "")}`
}

/** Undoes the octal escapes of getfattr. */
function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
