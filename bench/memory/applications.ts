// SPDX-License-Identifier: MIT
/** Real applications of which several versions are compared, and how each is started. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** An application of which several versions are compared. */
export interface Application {
  /** Name of its package. */
  name: string
  /** What must be installed beside it, in versions that stay. */
  beside: Readonly<Record<string, string>>
  /** Neighbouring minor versions, the last two of which make the pair. */
  versions: readonly string[]
  /** Its program below the tree, and how it is started in a folder with the files of a small project. */
  program: string
  args: readonly string[]
  project: Readonly<Record<string, string>>
}

export const applications: readonly Application[] = [
  {
    name: "webpack",
    beside: { "webpack-cli": "5.1.4" },
    versions: [
      "5.90.3",
      "5.91.0",
      "5.92.1",
      "5.93.0",
      "5.94.0",
      "5.95.0",
      "5.96.1",
      "5.97.1",
      "5.98.0",
      "5.99.9",
    ],
    program: "node_modules/webpack-cli/bin/cli.js",
    args: ["--mode", "production", "--entry", "./index.js", "--output-path", "./out"],
    project: {
      "index.js": 'import { greet } from "./greet.js"\nconsole.log(greet("world"))\n',
      "greet.js": 'export const greet = (name) => "Hello, " + name\n',
    },
  },
  {
    name: "eslint",
    beside: {},
    versions: ["9.38.0", "9.39.0"],
    program: "node_modules/eslint/bin/eslint.js",
    args: ["--no-config-lookup", "--rule", "no-unused-vars: error", "greet.js"],
    project: { "greet.js": 'export const greet = (name) => "Hello, " + name\n' },
  },
  {
    name: "next",
    beside: { react: "19.1.0", "react-dom": "19.1.0" },
    versions: ["15.4.0", "15.5.0"],
    program: "node_modules/next/dist/bin/next",
    args: ["info"],
    project: {},
  },
  {
    name: "npm",
    beside: {},
    versions: ["10.8.3", "10.9.3"],
    program: "node_modules/npm/bin/npm-cli.js",
    args: ["ls", "--all", "--offline"],
    project: {},
  },
  {
    name: "typescript",
    beside: {},
    versions: ["5.8.3", "5.9.3"],
    program: "node_modules/typescript/bin/tsc",
    args: ["--noEmit", "--target", "es2022", "sum.ts"],
    project: {
      "sum.ts": "export const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0)\n",
    },
  },
]

/** Makes a folder with the files of an application's project anew. */
export function makeProject({ project }: Application, folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const [name, text] of Object.entries({ "package.json": '{ "private": true }\n', ...project })) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}
