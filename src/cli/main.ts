#!/usr/bin/env node
// SPDX-License-Identifier: MIT
import { setFlagsFromString } from "node:v8"
import type { Io } from "./print.js"
import { run } from "./run.js"

/**
 * How much code a function runs until V8 optimizes it, here and in threads: 16 times what it is by default, where a third of
 * a command's processor time goes into optimizing functions that have little left to do.
 */
const INTERRUPT_BUDGET = 16 * 67_584
/** The version of Node whose V8 has the flag by this name; those after it complain aloud of it. */
const NODE_WITH_BUDGET = 20

const { node, deno, bun } = process.versions
// What is measured is to be what programs see.
const isMeasured = process.argv[2] === "bench"
if (
  !isMeasured &&
  deno === undefined &&
  bun === undefined &&
  Number.parseInt(node, 10) === NODE_WITH_BUDGET
) {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`)
}

const { stdout, stderr } = process

const io: Io = {
  stdout: {
    isTerminal: stdout.isTTY === true,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
  },
  stderr: {
    isTerminal: stderr.isTTY === true,
    write: (bytes) => void stderr.write(bytes),
  },
}

// Errors of writing come back from `write`; nobody reads the errors about errors.
stdout.on("error", () => {})
stderr.on("error", () => {})

process.exitCode = await run(process.argv.slice(2), io)
