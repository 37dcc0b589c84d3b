// SPDX-License-Identifier: MIT
/** Programs of erofs-utils, where they are installed, and running programs against the clock. */
import { spawnSync } from "node:child_process"
import { accessSync, constants, readdirSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"

/** Programs that benchmarks run beside ours. */
export const TOOLS = ["mkfs.erofs", "fsck.erofs", "erofsfuse"] as const
export type Tool = (typeof TOOLS)[number]

/** Where a program lies: in PATH or in a version of erofs-utils below ~/.cache; undefined if nowhere. */
export function findTool(tool: Tool): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...cachedFolders()]
  return folders.map((folder) => join(folder, tool)).find(isExecutable)
}

/** Versions of the programs that are there. */
export function toolVersions(): Record<string, string> {
  const versions: Record<string, string> = {}
  for (const tool of TOOLS) {
    const path = findTool(tool)
    if (!path) continue
    const { stdout, stderr } = spawnSync(path, ["--version"], { encoding: "utf8" })
    versions[tool] = /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown"
  }
  return versions
}

/** Milliseconds: on the clock, and of processor time, that of threads and children included. */
export interface Duration {
  wall: number
  cpu: number
}

/** Runs a program to its end; its output is dropped. Throws if it fails. */
export function timeProgram(command: string, args: readonly string[]): Duration {
  // The shell tells what processor time its child took, which Node does not.
  const script = '"$@" >/dev/null 2>&1 || exit; times'
  const start = performance.now()
  const { status, stdout } = spawnSync("/bin/sh", ["-c", script, "sh", command, ...args], {
    encoding: "utf8",
  })
  const wall = performance.now() - start
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: status ${status}`)
  return { wall, cpu: childTime(stdout) }
}

/** Runs something in this process. */
export function timeHere(run: () => void): Duration {
  const before = process.cpuUsage()
  const start = performance.now()
  run()
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  return { wall, cpu: (user + system) / 1000 }
}

/** User and system time of children, the second line that `times` of the shell prints, in milliseconds. */
function childTime(times: string): number {
  const numbers = [...(times.trim().split("\n")[1] ?? "").matchAll(/(\d+)m([\d.]+)s/g)]
  return numbers.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60e3 + Number(seconds) * 1e3,
    0,
  )
}

function cachedFolders(): string[] {
  const cache = join(homedir(), ".cache")
  try {
    const names = readdirSync(cache).filter((name) => name.startsWith("erofs-utils-"))
    return names
      .sort()
      .reverse()
      .map((name) => join(cache, name, "bin"))
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
