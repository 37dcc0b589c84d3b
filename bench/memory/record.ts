// SPDX-License-Identifier: MIT
/**
 * Records what a program touches of an image: mounts it, runs the program from the mount, and asks the kernel which
 * pages of which files are in its page cache then. The output is a workload for `erofs-wasm share`. Needs root, a C
 * compiler and a kernel that mounts EROFS.
 *
 *     npm run bench:memory:record -- IMAGE [--cwd FOLDER] [--read-ahead KIB] -- COMMAND [ARGUMENT]...
 *     npm run bench:memory:record -- --all
 *
 * `{}` in the command stands for where the image is mounted. Without read-ahead, the default, pages are there because
 * the program asked for them; with it, as the kernel would have them. `--all` records the start of every application
 * of the benchmark, a file for each version in bench/memory/workloads.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmdirSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { packageFolder } from "../data.js"
import { WORK_FOLDER } from "../image/tree.js"
import { type Application, applications, makeProject } from "./applications.js"
import { imageOf } from "./images.js"
import { installVersion } from "./install.js"
import { workloadPath } from "./workloads.js"

/** What is run, where, and how far the kernel may read ahead. */
interface Run {
  command: readonly string[]
  cwd: string
  readAheadKib: number
}

/** Mounts an image, runs a program from it and answers the workload. */
function record(image: string, { command, cwd, readAheadKib }: Run): string {
  const lister = compileLister()
  return withMount(image, (mount) => {
    const { major, minor } = deviceOf(mount)
    writeFileSync(`/sys/class/bdi/${major}:${minor}/read_ahead_kb`, String(readAheadKib))
    writeFileSync("/proc/sys/vm/drop_caches", "3")
    const [program, ...args] = command.map((word) => word.replaceAll("{}", mount)) as [string, ...string[]]
    const { status, error } = spawnSync(program, args, { cwd, stdio: ["ignore", 2, 2] })
    if (error) throw error
    if (status !== 0) throw new Error(`'${command.join(" ")}' ended with status ${status}`)
    return execFileSync(lister, [mount], { encoding: "utf8", maxBuffer: 1 << 30 })
  })
}

function withMount<T>(image: string, use: (mount: string) => T): T {
  const mount = mkdtempSync(join(tmpdir(), "erofs-wasm-record-"))
  execFileSync("mount", ["-t", "erofs", "-o", "loop,ro", image, mount])
  try {
    return use(mount)
  } finally {
    execFileSync("umount", [mount])
    rmdirSync(mount)
  }
}

/** Numbers of the block device of a mount. */
function deviceOf(mount: string): { major: bigint; minor: bigint } {
  const { dev } = statSync(mount, { bigint: true })
  return { major: (dev >> 8n) & 0xfffn, minor: (dev & 0xffn) | ((dev >> 12n) & 0xfff00n) }
}

function compileLister(): string {
  mkdirSync(WORK_FOLDER, { recursive: true })
  const program = join(WORK_FOLDER, "resident")
  execFileSync("cc", ["-O2", "-o", program, join(packageFolder, "bench/memory/resident.c")])
  return program
}

/** Records the start of a version. */
function recordVersion(application: Application, version: string): void {
  const cwd = join(WORK_FOLDER, "project")
  makeProject(application, cwd)
  const image = imageOf(installVersion(application, version), "plain")
  const command = [process.execPath, `{}/${application.program}`, ...application.args]
  const path = workloadPath(application, version)
  const workload = record(image, { command, cwd, readAheadKib: 0 })
  writeFileSync(path, workload)
  console.error(`${path}: ${workload.split("\n").length - 1} lines`)
}

function main(): void {
  const { values, positionals } = parseArgs({
    options: {
      all: { type: "boolean", default: false },
      cwd: { type: "string", default: "." },
      "read-ahead": { type: "string", default: "0" },
    },
    allowPositionals: true,
  })
  if (values.all) {
    for (const application of applications) {
      for (const version of application.versions.slice(-2)) recordVersion(application, version)
    }
  } else {
    const [image, ...command] = positionals
    if (image === undefined || command.length === 0) throw new Error("an image and a command are needed")
    const run = { command, cwd: values.cwd, readAheadKib: Number(values["read-ahead"]) }
    process.stdout.write(record(image, run))
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()
