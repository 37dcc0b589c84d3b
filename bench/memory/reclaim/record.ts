// SPDX-License-Identifier: MIT
/**
 * Records the reads of real programs with strace, for the study of reclaim. Writes bench/memory/reclaim/traces; needs
 * strace, npm with its registry, and Python with SQLite.
 *
 *     npm run build:tools && node build/js/bench/memory/reclaim/record.js [RECORDING]...
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { WORK_FOLDER } from "../../image/tree.js"
import { type Application, applications, makeProject } from "../applications.js"
import { installVersion } from "../install.js"
import { writeLock } from "../locks.js"
import { type Trace, writeTrace } from "./trace.js"

const FOLDER = join(WORK_FOLDER, "reclaim")

/** A program to run; reads of files below its `roots` are recorded. */
interface Run {
  command: readonly string[]
  cwd: string
}

/** Collects reads from what strace prints. */
class Recorder {
  readonly #root: string
  readonly #files = new Map<string, number>()
  readonly #reads: Trace["reads"] = []
  /** Where the next read of an open file begins. */
  readonly #positions = new Map<string, number>()
  /** The beginning of a line that other threads interrupted. */
  readonly #unfinished = new Map<string, string>()

  /** Reads of files below `root` are collected. */
  constructor(root: string) {
    this.#root = root
  }

  run({ command, cwd }: Run): void {
    const log = join(FOLDER, "strace.log")
    const calls = "trace=openat,read,pread64,lseek"
    const { status } = spawnSync("strace", ["-f", "-y", "-s0", "-qq", "-e", calls, "-o", log, ...command], {
      cwd,
      stdio: ["ignore", "ignore", "inherit"],
    })
    if (status !== 0) throw new Error(`'${command.join(" ")}' ended with status ${status}`)
    for (const line of readFileSync(log, "utf8").split("\n")) this.#line(line)
  }

  trace(): Trace {
    const contents = new Map<string, number>()
    const files = [...this.#files.keys()].map((path) => {
      const digest = createHash("sha256").update(readFileSync(path)).digest("hex")
      if (!contents.has(digest)) contents.set(digest, contents.size)
      return { path: path.slice(this.#root.length), content: contents.get(digest) as number }
    })
    return { files, reads: this.#reads }
  }

  #line(line: string): void {
    const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (thread === undefined || text === undefined) return
    if (text.endsWith("<unfinished ...>")) {
      this.#unfinished.set(thread, text.slice(0, -"<unfinished ...>".length))
      return
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
    this.#call(resumed ? `${this.#unfinished.get(thread)}${resumed[1]}` : text)
  }

  #call(text: string): void {
    const opened = /^openat\(.* = (\d+<.*>)$/.exec(text)
    if (opened) this.#positions.set(opened[1] as string, 0)
    const [, name, open, path, rest] = /^(read|pread64|lseek)\((\d+<([^>]*)>),(.*)$/.exec(text) ?? []
    if (open === undefined || !path?.startsWith(`${this.#root}/`)) return
    const result = Number(/ = (\d+)$/.exec(text)?.[1] ?? 0)
    if (name === "lseek") {
      this.#positions.set(open, result)
      return
    }
    const offset = /, (\d+)\) *= \d+$/.exec(rest as string)?.[1]
    const position = name === "pread64" ? Number(offset) : (this.#positions.get(open) ?? 0)
    if (name === "read") this.#positions.set(open, position + result)
    if (result === 0) return
    const file = this.#files.get(path) ?? this.#files.size
    this.#files.set(path, file)
    this.#reads.push({ file, position, length: result })
  }
}

function find(name: string): Application {
  return applications.find((application) => application.name === name) as Application
}

const trees = join(WORK_FOLDER, "applications")

/** The start of a version of an application. */
function startOf(name: string, version = find(name).versions.at(-1) as string): Run {
  const application = find(name)
  const cwd = join(FOLDER, `project-${name}`)
  makeProject(application, cwd)
  const { path } = installVersion(application, version)
  return { command: [process.execPath, join(path, application.program), ...application.args], cwd }
}

/** npm listing what is installed in a project, the projects in turn. */
function recordWalk(): Trace {
  const recorder = new Recorder(trees)
  for (const name of ["webpack", "eslint", "next", "webpack", "eslint", "typescript", "webpack"]) {
    const version = find(name).versions.at(-1) as string
    const { path } = installVersion(find(name), version)
    // npm wants the lock beside the packages; the tree itself stays as it is for its images.
    const cwd = join(trees, `walk-${name}`)
    mkdirSync(cwd, { recursive: true })
    cpSync(path, cwd, { recursive: true })
    writeLock(find(name), version, cwd)
    recorder.run({ command: [...startOf("npm").command.slice(0, 2), "ls", "--all", "--offline"], cwd })
  }
  const trace = recorder.trace()
  for (const name of readdirSync(trees)) {
    if (name.startsWith("walk-")) rmSync(join(trees, name), { recursive: true })
  }
  return trace
}

const MAKE_DATABASE = `
import random, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("create table entry (key text primary key, value blob) without rowid")
random.seed(1)
db.executemany("insert into entry values (?, ?)", ((f"{random.getrandbits(64):016x}", random.randbytes(200)) for _ in range(100000)))
db.commit()
`
const QUERY_DATABASE = `
import random, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?immutable=1", uri=True)
db.execute("pragma cache_size = 0")
keys = [row[0] for row in db.execute("select key from entry order by random() limit 100")]
random.seed(1)
for _ in range(20000):
    key = f"{random.getrandbits(64):016x}"
    if random.random() < 0.5: key = keys[min(int(random.expovariate(0.05)), 99)]
    db.execute("select value from entry where key >= ? limit 1", (key,)).fetchone()
`

/** Lookups in a database: half of them of any key, half of a few keys again and again. */
function recordRandom(): Trace {
  const folder = join(FOLDER, "database")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const file = join(folder, "entries.db")
  execFileSync("python3", ["-c", MAKE_DATABASE, file])
  const recorder = new Recorder(folder)
  recorder.run({ command: ["python3", "-c", QUERY_DATABASE, file], cwd: folder })
  return recorder.trace()
}

/** A bundler that is started again and again, and whole trees that are read in between, as a backup does. */
function recordScan(): Trace {
  const recorder = new Recorder(trees)
  for (const scanned of ["eslint", "typescript", "npm", undefined]) {
    for (let i = 0; i < 2; i++) recorder.run(startOf("webpack"))
    if (scanned === undefined) continue
    const { path } = installVersion(find(scanned), find(scanned).versions.at(-1) as string)
    recorder.run({ command: ["tar", "-cf", join(FOLDER, "scan.tar"), "."], cwd: path })
  }
  return recorder.trace()
}

/** Starts of two versions each of several applications, in an order drawn by lot. */
function recordVersions(): Trace {
  const recorder = new Recorder(trees)
  const starts = ["webpack", "eslint", "npm", "next"].flatMap((name) =>
    find(name)
      .versions.slice(-2)
      .map((version) => [name, version] as const),
  )
  let state = 1
  for (let i = 0; i < 24; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const [name, version] = starts[(state >>> 16) % starts.length] as readonly [string, string]
    recorder.run(startOf(name, version))
  }
  return recorder.trace()
}

const RECORDINGS: Record<string, () => Trace> = {
  walk: recordWalk,
  random: recordRandom,
  scan: recordScan,
  versions: recordVersions,
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(FOLDER, { recursive: true })
  const only = process.argv.slice(2)
  for (const [name, recordOne] of Object.entries(RECORDINGS)) {
    if (only.length > 0 && !only.includes(name)) continue
    const trace = recordOne()
    writeTrace(name, trace)
    console.error(`${name}: ${trace.files.length} files, ${trace.reads.length} reads`)
  }
}
