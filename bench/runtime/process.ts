// SPDX-License-Identifier: MIT
/** Decodes in Node, Deno or Bun: a folder as argument, milliseconds on each line of input, answers on output. */
import { readFileSync } from "node:fs"
import { argv, stdin, stdout } from "node:process"
import { createInterface } from "node:readline"
import { Decoder } from "./decode.js"

const read = (file: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(`${argv[2]}/${file}`))

const decoder = await Decoder.create({
  wasm: read("core.wasm"),
  encoded: read("encoded"),
  lengths: new Uint32Array(read("lengths").buffer),
  expected: read("expected"),
})
for await (const line of createInterface({ input: stdin })) stdout.write(`${decoder.best(Number(line))}\n`)
