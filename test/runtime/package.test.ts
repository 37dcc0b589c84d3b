// SPDX-License-Identifier: MIT
/** What others' judges say of the packed package. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, inject, it } from "vitest"
import { run } from "./scratch.js"

const app = inject("app")
const bin = (path: string) => fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url))
const tarball = join(app, readdirSync(app).find((file) => file.endsWith(".tgz")) as string)

it("publint finds nothing, not even suggestions", () => {
  const told = run(process.execPath, [bin("publint/src/cli.js"), "run", tarball, "--strict"], app)
  expect(told).toContain("All good!")
})

it("its types are right, say those who ask whether they are wrong", () => {
  // The .wasm files are not for TypeScript.
  const files = ["wasm/core.shared.wasm", "wasm/core.plain.wasm"]
  const args = [tarball, "--profile", "esm-only", "--format", "json", "--exclude-entrypoints", ...files]
  const told = JSON.parse(run(process.execPath, [bin("@arethetypeswrong/cli/dist/index.js"), ...args], app))
  const { entrypoints, problems } = told.analysis
  expect(Object.keys(entrypoints)).toContain(".")
  const ours = (problems as { kind: string; resolutionKind?: string }[]).filter(
    ({ resolutionKind }) => resolutionKind === "node16-esm" || resolutionKind === "bundler",
  )
  expect(ours).toEqual([])
})
