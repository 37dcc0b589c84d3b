// SPDX-License-Identifier: MIT
/** Ten lines that use the package, put together by Vite, webpack and esbuild, run in Chromium; and a worker in workerd. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"
import type { Browser } from "playwright-core"
import { afterAll, describe, expect, inject, it } from "vitest"
import { findChromium, launchChromium } from "../support/chromium.js"
import { readManifest } from "../support/flat-image.js"
import { ISOLATION, serve } from "../support/web-server.js"
import { need } from "./need.js"
import { run, tool } from "./scratch.js"

const app = inject("app")
const manifest = readManifest("lz4.json")
const html = (script: string) =>
  `<!doctype html><title>t</title><script type="module" src="${script}"></script>\n`

let browser: Browser | undefined
afterAll(() => browser?.close())

/** What the page at an address answers, and what it complained of. */
async function ask(address: string): Promise<unknown> {
  browser ??= await launchChromium()
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on("pageerror", (error) => complaints.push(String(error)))
  try {
    await page.goto(address, { waitUntil: "load" })
    const answer = await page.evaluate("globalThis.answer")
    expect(complaints).toEqual([])
    return answer
  } finally {
    await page.close()
  }
}

const EXPECTED = {
  names: expect.arrayContaining(["/text-300k", "/small", "/link"]),
  length: manifest["/text-300k"]?.size,
  isArchived: true,
}

/** Serves what a bundler wrote, isolated and not, and asks the page. */
async function expectPage(folder: string): Promise<void> {
  for (const headers of [{}, ISOLATION]) {
    await using server = await serve({
      folders: { "/": folder, "/images/": join(app, "images") },
      pages: { "/": html("/page.js") },
      headers,
    })
    expect(await ask(`${server.origin}/`)).toEqual(EXPECTED)
    expect(server.requests.filter((path) => /node:|undefined/.test(path))).toEqual([])
  }
}

/** Bytes of what a bundler wrote, names of files inside. */
function namesIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js"))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n")
}

describe.skipIf(!findChromium())("a page with the package, put together by", () => {
  it("esbuild", async (context) => {
    need(context, "esbuild")
    const out = join(app, "out-esbuild")
    const args = ["page.js", "--bundle", "--minify", "--format=esm", "--splitting", `--outdir=${out}`]
    run(tool(".bin/esbuild"), args, app)
    expect(namesIn(out)).not.toMatch(/["']node:/)
    await expectPage(out)
  })

  it("esbuild, in one file", async (context) => {
    need(context, "esbuild")
    const out = join(app, "out-esbuild-single")
    run(tool(".bin/esbuild"), ["page.js", "--bundle", "--format=esm", `--outdir=${out}`], app)
    await expectPage(out)
  })

  it("webpack", async (context) => {
    need(context, "webpack")
    const out = join(app, "out-webpack")
    const program = `
      import webpack from ${JSON.stringify(pathToFileURL(tool("webpack/lib/index.js")).href)}
      import config from "./webpack.config.js"
      config.output.path = ${JSON.stringify(out)}
      webpack(config, (error, stats) => {
        const told = error ?? (stats.hasErrors() || stats.hasWarnings() ? stats.toString() : undefined)
        if (told) { console.error(String(told)); process.exit(1) }
      })`
    run(process.execPath, ["--input-type=module", "-e", program], app)
    expect(namesIn(out)).not.toMatch(/["']node:/)
    await expectPage(out)
  })

  it("Vite, built", async (context) => {
    need(context, "vite")
    const root = viteRoot()
    run(process.execPath, [tool("vite/bin/vite.js"), "build", "--logLevel", "warn"], root)
    const out = join(root, "dist")
    expect(namesIn(out)).not.toMatch(/["']node:/)
    for (const headers of [{}, ISOLATION]) {
      await using server = await serve({ folders: { "/": out, "/images/": join(app, "images") }, headers })
      expect(await ask(`${server.origin}/`)).toEqual(EXPECTED)
    }
  })

  it("Vite, as it serves while one writes", async (context) => {
    need(context, "vite")
    const { createServer } = (await import(
      /* @vite-ignore */ pathToFileURL(tool("vite/dist/node/index.js")).href
    )) as typeof import("vite")
    const server = await createServer({
      root: viteRoot(),
      logLevel: "error",
      server: { host: "127.0.0.1", port: 0 },
    })
    try {
      await server.listen()
      expect(await ask(server.resolvedUrls?.local[0] as string)).toEqual(EXPECTED)
    } finally {
      await server.close()
    }
  })
})

/** A folder as Vite wants it, below the program's so that it finds the package. */
function viteRoot(): string {
  const root = join(app, "vite")
  mkdirSync(join(root, "public/images"), { recursive: true })
  writeFileSync(join(root, "index.html"), html("./page.js"))
  writeFileSync(join(root, "page.js"), readFileSync(join(app, "page.js")))
  writeFileSync(
    join(root, "public/images/four-algorithms.erofs"),
    readFileSync(join(app, "images/four-algorithms.erofs")),
  )
  return root
}

describe("a worker in workerd", () => {
  let child: ChildProcess | undefined
  afterAll(() => {
    child?.kill()
  })

  it("imports the core as a module, and reads", async (context) => {
    need(context, "workerd")
    need(context, "esbuild")
    const out = join(app, "out-workerd")
    const args = [
      "workerd.js",
      "--bundle",
      "--format=esm",
      "--conditions=workerd",
      "--loader:.wasm=copy",
      "--loader:.erofs=copy",
      `--outdir=${out}`,
    ]
    run(tool(".bin/esbuild"), args, app)
    const files = readdirSync(out)
    const modules = files.map((file) => {
      const kind = file.endsWith(".js") ? "esModule" : file.endsWith(".wasm") ? "wasm" : "data"
      return `(name = "${file}", ${kind} = embed "${file}")`
    })
    // The entry is the first.
    modules.sort((a, b) => Number(b.includes("esModule")) - Number(a.includes("esModule")))
    const config = readFileSync(join(app, "workerd.capnp"), "utf8").replace("MODULES", modules.join(", "))
    writeFileSync(join(out, "config.capnp"), config)
    child = spawn(tool("workerd/bin/workerd"), ["serve", "--control-fd=3", "config.capnp"], {
      cwd: out,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    })
    const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })
    const port = await new Promise<number>((resolve, reject) => {
      lines.on("line", (line) => {
        const { event, port } = JSON.parse(line) as { event: string; port: number }
        if (event === "listen") resolve(port)
      })
      child?.once("exit", (code) => reject(new Error(`workerd ended with ${code}`)))
    })
    const answer = await (await fetch(`http://127.0.0.1:${port}/`)).json()
    const digests = Object.entries(manifest).flatMap(([path, { type, sha256 }]) =>
      type === "file" ? [[path, sha256]] : [],
    )
    const { found } = answer.apis as { found: Record<string, string> }
    expect(answer).toEqual({
      digests: { found: Object.fromEntries(digests), isShared: false, framesPinned: 0 },
      apis: {
        found: Object.fromEntries(Object.keys(found).map((api) => [api, manifest["/text-300k"]?.sha256])),
        isShared: false,
        isSharedView: false,
      },
      shared: expect.stringMatching(/^ENOTSUP: .*init\(\)/),
    })
  })
})
