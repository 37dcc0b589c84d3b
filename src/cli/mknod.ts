// SPDX-License-Identifier: MIT
/** Device nodes and FIFOs, which Node cannot make, through the command mknod. */
import { lstatSync } from "node:fs"
import { ErofsError } from "../errors.js"
import type { BigIntStats } from "../stats.js"
import { deviceOf } from "./facts.js"
import { systemPath } from "./target.js"

const TYPE_LETTERS = { char: "c", block: "b", fifo: "p" }

/**
 * Makes a device node or FIFO that only its owner may use. Throws EEXIST if there is something at its place already,
 * EPERM if the user may not make it, ENOTSUP where there is no command for it.
 */
export function makeNode(path: string, type: keyof typeof TYPE_LETTERS, stats: BigIntStats): void {
  const at = systemPath(path)
  const words = [...(deviceOf(stats) ?? [])].map(String)
  const args = ["-m", "600", path, TYPE_LETTERS[type], ...words]
  // Arguments of a process are text; through xargs they can be any bytes.
  const isText = typeof at === "string"
  const input = Buffer.concat(args.flatMap((arg) => [Buffer.from(systemPath(arg)), Buffer.alloc(1)]))
  // Loaded only where it is used: that takes as long as many a file does.
  const { spawnSync } = process.getBuiltinModule("node:child_process")
  const { error, status, stderr } = spawnSync(isText ? "mknod" : "xargs", isText ? args : ["-0", "mknod"], {
    ...(isText ? {} : { input }),
    env: { ...process.env, LC_ALL: "C" },
  })
  if (error) throw new ErofsError("ENOTSUP", `there is no command mknod: ${error.message}`)
  if (status === 0) return
  const complaint = stderr.toString().trim().split("\n")[0] ?? ""
  if (complaint.includes("File exists") || lstatSync(at, { throwIfNoEntry: false })) {
    throw Object.assign(new Error("there is something at its place already"), { code: "EEXIST" })
  }
  throw Object.assign(new Error(`cannot be made: ${complaint.slice(complaint.lastIndexOf(": ") + 2)}`), {
    code: "EPERM",
  })
}
