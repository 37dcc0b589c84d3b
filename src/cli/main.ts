#!/usr/bin/env node
// SPDX-License-Identifier: MIT
import type { Io } from "./print.js"
import { run } from "./run.js"

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
