// SPDX-License-Identifier: MIT
/** Other runtimes, bundlers and compilers, in a folder outside the project that is kept between runs. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Where they lie. */
export const SCRATCH = join(tmpdir(), "erofs-wasm-runtimes")

/** Node's own packages: one for each system and processor. */
const NODE = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`

/** What is installed, by the name that tests call it. */
const PACKAGES: Record<string, string> = {
  deno: "deno@2.9.6",
  bun: "bun@1.4.5",
  node22: `node22@npm:${NODE}@22`,
  node24: `node24@npm:${NODE}@24`,
  workerd: "workerd@1",
  vite: "vite@8",
  webpack: "webpack@5",
  esbuild: "esbuild@0.28",
  typescript5: "typescript5@npm:typescript@5.9",
  "@types/node": "@types/node@20",
}

/** Steps that npm may leave to the user since it asks before it runs packages' scripts. */
const AFTERWARDS: Record<string, string> = { bun: "install.js", deno: "install.cjs" }

/** Installs what is missing. Answers what could not be had, each with the reason. */
export function prepareTools(names = Object.keys(PACKAGES)): Record<string, string> {
  const missing: Record<string, string> = {}
  mkdirSync(SCRATCH, { recursive: true })
  const manifest = join(SCRATCH, "package.json")
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  const wanted = names.filter((name) => !isInstalled(name))
  if (wanted.length > 0 && install(wanted) !== undefined) {
    // One that cannot be had should not keep the others away.
    for (const name of wanted) {
      const reason = install([name])
      if (reason !== undefined) missing[name] = reason
    }
  }
  return missing
}

/** Whether a package is there, in the version wanted: the folder keeps a note of what it was installed as. */
function isInstalled(name: string): boolean {
  const note = join(SCRATCH, "node_modules", name, ".installed-as")
  return existsSync(note) && readFileSync(note, "utf8") === PACKAGES[name]
}

/** Answers why that is not possible; undefined if it is done. */
function install(names: readonly string[]): string | undefined {
  const specs = names.map((name) => PACKAGES[name] as string)
  console.log(`installing ${specs.join(" ")} in ${SCRATCH}`)
  try {
    run("npm", ["install", "--no-audit", "--no-fund", "--save-exact", ...specs], SCRATCH)
    for (const name of names) {
      const script = AFTERWARDS[name]
      if (script) run(process.execPath, [script], join(SCRATCH, "node_modules", name))
      writeFileSync(join(SCRATCH, "node_modules", name, ".installed-as"), PACKAGES[name] as string)
    }
    return undefined
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    return (stderr ?? String(error)).trim().split("\n")[0] ?? "unknown"
  }
}

/** Runs a program to its end. Answers what it printed; throws with all that it said if it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  return runAll(command, args, cwd).stdout
}

/** Like {@link run}, and answers what the program had to say besides. */
export function runAll(
  command: string,
  args: readonly string[],
  cwd: string,
): { stdout: string; stderr: string } {
  const { stdout, stderr, status, signal, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 240_000,
    maxBuffer: MAX_OUTPUT,
  })
  if (status === 0 && !error) return { stdout, stderr }
  const reason = error?.message ?? `ended with ${signal ?? status}`
  const message = `${[command, ...args].join(" ")}: ${reason}\n${stderr}\n${stdout}`
  throw Object.assign(new Error(message), { stdout, stderr })
}

const MAX_OUTPUT = 64 << 20

/** The program of a package. */
export const tool = (...path: string[]): string => join(SCRATCH, "node_modules", ...path)
