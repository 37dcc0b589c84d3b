// SPDX-License-Identifier: MIT
/**
 * The core with a call wherever an engine may end a worker: at the head of each loop and of each function. Who throws
 * there leaves the memory as terminate() does.
 */
import binaryen from "assemblyscript/binaryen"
import { textOf } from "./core-layout.js"
import type { RawCore } from "./pool-core.js"

/** Makes instances of it: `poll` is called at every such point. */
export type PolledCore = (memory: WebAssembly.Memory, poll: () => void) => RawCore

/** Compiles the core for shared memory with its polls in it. */
export function polledCore(): PolledCore {
  const module = binaryen.parseText(withPolls(textOf("build/core.shared.wat")))
  module.setFeatures(binaryen.Features.All)
  // Traces of the stack then name the functions.
  binaryen.setDebugInfo(true)
  if (!module.validate()) throw new Error("the core with polls is not valid")
  const compiled = new WebAssembly.Module(new Uint8Array(module.emitBinary()))
  module.dispose()
  return (memory, poll) =>
    new WebAssembly.Instance(compiled, { env: { memory, poll } }).exports as unknown as RawCore
}

/** The text of the core, one instruction a line, with the calls in it. */
function withPolls(text: string): string {
  const result: string[] = []
  let isBeforeBody = false
  let heads = 0
  for (const line of text.split("\n")) {
    if (isBeforeBody && !/^ {2}\(local /.test(line)) {
      result.push("call $poll")
      isBeforeBody = false
    }
    result.push(line)
    if (/^ \(import "env" "memory"/.test(line)) result.push('(import "env" "poll" (func $poll))')
    if (/^ \(func \$/.test(line)) isBeforeBody = true
    if (/^\s+loop( |$)/.test(line)) {
      result.push("call $poll")
      heads++
    }
  }
  if (heads === 0) throw new Error("the text of the core has no loops")
  return result.join("\n")
}
