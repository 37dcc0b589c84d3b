// SPDX-License-Identifier: MIT
/**
 * The exact packages of every version of the applications, so that trees are the same wherever and whenever they are
 * installed. As a program: resolves them anew, as npm does that day.
 *
 *     npm run bench:memory:lock
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { gunzipSync, gzipSync } from "node:zlib"
import { packageFolder } from "../data.js"
import { type Application, applications } from "./applications.js"

/** What `npm ci` must know of a package: no more, and not where it was fetched from. */
interface LockedPackage {
  version?: string
  integrity?: string
  dependencies?: Record<string, string>
  /** Real name of one that is installed under another. */
  name?: string
  /** It brings what it depends on. */
  bundleDependencies?: string[]
  inBundle?: boolean
  optional?: boolean
}

/** A package-lock.json. */
interface Lock {
  lockfileVersion: number
  requires: boolean
  packages: Record<string, LockedPackage>
}

const FILE = join(packageFolder, "bench/memory/locks.json.gz")

/** Writes package.json and package-lock.json of a version into a folder. */
export function writeLock({ name }: Application, version: string, folder: string): void {
  const locks = JSON.parse(gunzipSync(readFileSync(FILE)).toString()) as Record<string, Lock>
  const lock = locks[`${name}-${version}`]
  if (!lock) throw new Error(`${name} ${version} is not locked`)
  writeManifest(folder, lock.packages[""]?.dependencies ?? {})
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock))
}

function writeManifest(folder: string, dependencies: Record<string, string>): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }))
}

/** What npm resolves a version to, without packages that are for one kind of machine only. */
function resolveVersion({ name, beside }: Application, version: string): Lock {
  const folder = mkdtempSync(join(tmpdir(), "erofs-wasm-lock-"))
  try {
    writeManifest(folder, { [name]: version, ...beside })
    const options = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    execFileSync("npm", ["install", ...options], { cwd: folder, stdio: "ignore" })
    const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")) as Lock
    const packages = Object.entries(lock.packages).filter(([, one]) => !one.optional && !one.inBundle)
    return {
      lockfileVersion: 3,
      requires: true,
      packages: Object.fromEntries(packages.map(([path, one]) => [path, strip(one)])),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function strip({ name, version, integrity, dependencies, bundleDependencies }: LockedPackage): LockedPackage {
  const isWhole = bundleDependencies !== undefined
  return {
    ...(name !== undefined && { name }),
    ...(version !== undefined && { version }),
    ...(integrity !== undefined && { integrity }),
    ...(dependencies && !isWhole && { dependencies }),
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const all = applications.flatMap((application) =>
    application.versions.map((version) => {
      console.error(`${application.name} ${version}`)
      return [`${application.name}-${version}`, resolveVersion(application, version)] as const
    }),
  )
  writeFileSync(FILE, gzipSync(JSON.stringify(Object.fromEntries(all)), { level: 9 }))
}
