// SPDX-License-Identifier: MIT
/** Runtimes that wait to be told to decode: processes, and a page in Chromium. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { launchChromium } from "../../test/support/chromium.js"
import { ISOLATION, serve } from "../../test/support/web-server.js"

/** One runtime with all pieces loaded. */
export interface Rival {
  name: string
  /** Milliseconds of the best pass within a time. */
  best(milliseconds: number): Promise<number>
  dispose(): Promise<void>
}

const here = fileURLToPath(new URL(".", import.meta.url))

/** Node, Deno or Bun on a folder of work. */
export function startProcess(name: string, command: string, args: readonly string[], work: string): Rival {
  const child = spawn(command, [...args, `${here}process.js`, work], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    name,
    async best(milliseconds) {
      child.stdin.write(`${milliseconds}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${name} ended`)
      return Number(value)
    },
    async dispose() {
      child.stdin.end()
    },
  }
}

const PAGE = `<!doctype html><title>t</title><script type="module">
  import { Decoder } from "/bench/decode.js"
  const read = async (file) => new Uint8Array(await (await fetch("/work/" + file)).arrayBuffer())
  const [wasm, encoded, lengths, expected] = await Promise.all(["core.wasm", "encoded", "lengths", "expected"].map(read))
  globalThis.decoder = Decoder.create({ wasm, encoded, lengths: new Uint32Array(lengths.buffer), expected })
</script>`

/** A page on the same work. It is isolated: other pages have coarse clocks. */
export async function startChromium(work: string): Promise<Rival> {
  const server = await serve({
    folders: { "/bench/": here, "/work/": work },
    pages: { "/": PAGE },
    headers: ISOLATION,
  })
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(`${server.origin}/`)
  await page.waitForFunction("globalThis.decoder")
  await page.evaluate("globalThis.decoder.then(() => {})")
  return {
    name: `Chromium ${browser.version()}`,
    best: (milliseconds) =>
      page.evaluate(`globalThis.decoder.then((decoder) => decoder.best(${milliseconds}))`),
    async dispose() {
      await browser.close()
      await server.close()
    },
  }
}
