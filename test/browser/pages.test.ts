// SPDX-License-Identifier: MIT
/** Pages of users: the package as it lies on a web server, in a real Chromium. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { requireBuilt } from "../support/built.js"
import { launchChromium } from "../support/chromium.js"
import { readFixture, readManifest } from "../support/flat-image.js"
import { HttpServer } from "../support/http-server.js"
import { ISOLATION, serve } from "../support/web-server.js"

const folder = (path: string) => fileURLToPath(new URL(`../../${path}/`, import.meta.url))
const FOLDERS = {
  "/erofs/": folder("dist/browser"),
  "/dist/": folder("dist"),
  "/wasm/": folder("dist/wasm"),
  "/xxhash-wasm/": folder("node_modules/xxhash-wasm/esm"),
  "/pages/": folder("test/browser/pages"),
  "/programs/": folder("test/runtime/programs"),
  "/images/": folder("test/fixtures/images"),
}
const STRICT =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'"

const manifest = readManifest("lz4.json")
/** What every way of reading the image must find. */
const DIGESTS = Object.fromEntries(
  Object.entries(manifest).flatMap(([path, { type, sha256 }]) => (type === "file" ? [[path, sha256]] : [])),
)
const TEXT = manifest["/text-300k"]?.sha256

let browser: Browser
beforeAll(async () => {
  requireBuilt()
  browser = await launchChromium()
})
afterAll(() => browser?.close())

interface Visit {
  headers?: Record<string, string>
  head?: string
  /** What to do with the page before it answers. */
  act?: (page: Awaited<ReturnType<Browser["newPage"]>>) => Promise<void>
}

/** What a page tells of the APIs of the web that it gave bytes to: digests, by the names of the APIs. */
interface Apis {
  found: Record<string, string>
}

/** What read.js answers. */
interface ReadAnswer {
  isIsolated: boolean
  digests: { found: Record<string, string> }
  apis: Apis
  apisShared: Apis & { isSharedView: boolean }
  apisPlain: Apis & { isSharedView: boolean }
}

/** What sources.js answers: what was found by each source. */
interface SourcesAnswer {
  blob: unknown
  file: unknown
  opfs: unknown
  opfsName: string
  workerBlob: unknown
  workerOpfs: { names: [number, number] }
  workerApis: Apis
}

/** What each reader of pool.js answers, and what all do together. */
interface PoolAnswer {
  first: { answers: unknown; pagesFilled: number }
  second: { answers: unknown; pagesFilled: number }
  here: { answers: unknown; pagesFilled: number }
  together: { answers: unknown[]; pagesFilled: number }
  pinned: number
}

/** Opens a page with one script and gives back what the script answers, and what the server was asked for. */
async function visit<Answer = unknown>(script: string, { headers = {}, head = "", act }: Visit = {}) {
  const html = `<!doctype html><title>t</title>${head}<body><script type="module" src="/pages/${script}"></script>`
  await using server = await serve({ folders: FOLDERS, pages: { "/": html }, headers })
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    const complaints: string[] = []
    page.on("pageerror", (error) => complaints.push(String(error)))
    await page.goto(`${server.origin}/`)
    await act?.(page)
    const answer = (await page.evaluate("globalThis.answer")) as Answer
    expect(complaints).toEqual([])
    return { answer, requests: server.requests }
  } finally {
    await context.close()
  }
}

function expectAllApis({ found }: Apis): void {
  expect(Object.keys(found).length).toBeGreaterThan(10)
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((api) => [api, TEXT])))
}

describe.each([
  ["isolated", ISOLATION, true],
  ["not isolated", {}, false],
  ["with a strict policy", { "Content-Security-Policy": STRICT }, false],
  ["isolated, with a strict policy", { ...ISOLATION, "Content-Security-Policy": STRICT }, true],
])("a page that is %s", (_name, headers, isIsolated) => {
  it("reads an image, and the web takes its bytes", async () => {
    const { answer, requests } = await visit<ReadAnswer>("read.js", { headers })
    expect(answer.isIsolated).toBe(isIsolated)
    expect(answer.digests).toEqual({ found: DIGESTS, isShared: isIsolated, framesPinned: 0 })
    expectAllApis(answer.apis)
    expectAllApis(answer.apisShared)
    expectAllApis(answer.apisPlain)
    expect([answer.apisShared.isSharedView, answer.apisPlain.isSharedView]).toEqual([true, false])
    // Nothing is fetched but the package's own scripts, and of the core's builds those in use.
    expect(requests.filter((path) => path.endsWith(".wasm"))).toEqual([])
  })

  it("reads Blobs, files and OPFS, here and in a module worker", async () => {
    const { answer } = await visit<SourcesAnswer>("sources.js", { headers })
    const expected = { found: DIGESTS, isShared: isIsolated, framesPinned: 0 }
    expect(answer.blob).toEqual(expected)
    expect(answer.file).toEqual(expected)
    expect(answer.opfs).toEqual(expected)
    expect(answer.opfsName).toBe("image.erofs")
    expect(answer.workerBlob).toEqual(expected)
    const { names, ...workerOpfs } = answer.workerOpfs
    expect(names[0]).toBeGreaterThan(10)
    expect(names[1]).toBe(names[0])
    expect(workerOpfs).toEqual(expected)
    expectAllApis(answer.workerApis)
  })
})

it("module workers read through the pool of an isolated page, and one that is ended leaves nothing held", async () => {
  const { answer } = await visit<PoolAnswer>("pool.js", {
    headers: { ...ISOLATION, "Content-Security-Policy": STRICT },
  })
  expect(answer).toMatchObject({ attached: [true, true], framesPinned: 0, framesBusy: 0 })
  for (const { answers } of [answer.first, answer.second, answer.here]) expect(answers).toEqual(DIGESTS)
  expect(answer.together.answers).toEqual([DIGESTS, DIGESTS, DIGESTS])
  expect(answer.first.pagesFilled).toBeGreaterThan(100)
  // What one has brought in is there for the others, and what all want at once is brought in once.
  expect([answer.second.pagesFilled, answer.here.pagesFilled]).toEqual([0, 0])
  expect(answer.together.pagesFilled).toBe(answer.first.pagesFilled)
  expect(answer.pinned).toBeGreaterThan(0)
})

it("workers that end before, while or after they come into a pool leave no place taken", async () => {
  const { answer } = await visit("vanish.js", { headers: ISOLATION })
  expect(answer).toEqual({ framesPinned: 0, framesBusy: 0, place: 1 })
})

describe("a page on another origin's image", () => {
  it.each([
    ["the Cache API", "cache", {}, false],
    ["OPFS", "opfs", ISOLATION, true],
  ])("reads it by ranges, and from %s when it comes again", async (_name, store, headers, isShared) => {
    const bytes = readFixture("four-algorithms.erofs")
    const remote = await HttpServer.start(bytes)
    remote.headers = {
      etag: '"v1"',
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "content-range, content-length, etag",
    }
    const html = '<!doctype html><title>t</title><script type="module" src="/pages/http.js"></script>'
    await using server = await serve({ folders: FOLDERS, pages: { "/": html }, headers })
    const page = await browser.newPage()
    const visit = async () => {
      await page.goto(`${server.origin}/?${new URLSearchParams({ image: remote.url, store })}`)
      const answer = await page.evaluate("globalThis.answer")
      const { gets, requests } = remote
      const methods = new Set(requests.map(({ method }) => method))
      return { answer, gets: gets.length, ranges: gets.every(({ range }) => range), methods: [...methods] }
    }
    const first = await visit()
    expect(first.answer).toMatchObject({ found: DIGESTS, isShared })
    expect(first).toMatchObject({ ranges: true, methods: ["GET"] })
    expect((first.answer as { bytesReceived: number }).bytesReceived).toBeLessThanOrEqual(bytes.length)
    const second = await visit()
    expect(second.answer).toMatchObject({ found: DIGESTS, bytesReceived: 0 })
    expect(second).toMatchObject({ gets: first.gets, methods: ["GET", "HEAD"] })
    remote.headers.etag = '"v2"'
    expect((await visit()).gets).toBeGreaterThan(first.gets)
    await page.close()
  })
})

describe("a page", () => {
  it("fetches only the build of the core that it uses", async () => {
    const { requests } = await visit<{ names: string[]; text: string }>("picker.js", {
      act: (page) => page.setInputFiles("input", folder("test/fixtures/images").concat("lz4-legacy.erofs")),
    })
    expect(requests.filter((path) => path.startsWith("/erofs/"))).toEqual([
      "/erofs/erofs-wasm.js",
      "/erofs/plain.js",
    ])
  })

  it("reads a file that was picked", async () => {
    const { answer } = await visit<{ names: string[]; text: string }>("picker.js", {
      act: (page) => page.setInputFiles("input", folder("test/fixtures/images").concat("lz4-legacy.erofs")),
    })
    expect(answer.names).toContain("/text-300k")
    expect(answer.text.length).toBe(manifest["/text-16k"]?.size)
  })

  it("as the README has it lists the file that was picked", async () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
    const html = `<!doctype html><title>t</title><body>${readme.split("```html\n")[1]?.split("```")[0]}`
    const folders = { "/node_modules/erofs-wasm/": folder(".") }
    await using server = await serve({ folders, pages: { "/": html } })
    const page = await browser.newPage()
    const told = page.waitForEvent("console", (message) => message.text().includes("PRETTY_NAME"))
    await page.goto(`${server.origin}/`)
    await page.setInputFiles("#picker", folder("test/fixtures/demo").concat("aurora-1.0.erofs"))
    expect((await told).text()).toContain('PRETTY_NAME="Aurora 1.0"')
    expect(await page.textContent("body")).toMatch(/\/bin .*\/etc .*\/usr /s)
    await page.close()
  })

  it("refuses, in a clear error, what is no image or none any more", async () => {
    const { answer } = await visit("refusals.js")
    expect(answer).toEqual({
      noImage: expect.stringMatching(/^EINVAL: .*/),
      cutShort: expect.stringMatching(/^(EIO|EUCLEAN): .*/),
      aborted: "AbortError",
      sync: expect.stringMatching(/^ENOTSUP: .*/),
    })
  })

  it("that may not compile says so, and names the directive", async () => {
    const policy = STRICT.replace(" 'wasm-unsafe-eval'", "")
    const { answer } = await visit("create.js", { headers: { "Content-Security-Policy": policy } })
    expect(answer).toMatch(
      /^ENOTSUP: this host compiles no WebAssembly .*Content Security Policy.*'wasm-unsafe-eval'/,
    )
  })

  it("may serve the core itself", async () => {
    const { answer, requests } = await visit<{ errors: string[]; isShared: boolean }>("init.js", {
      headers: ISOLATION,
    })
    expect(answer.errors).toEqual([
      expect.stringMatching(/^EIO .*status 404/),
      expect.stringMatching(/^EINVAL .*not the core for shared memory/),
      expect.stringMatching(/^EINVAL .*cannot be compiled/),
    ])
    expect(answer.isShared).toBe(false)
    expect(requests).toContain("/wasm/core.plain.wasm")
    expect(requests.some((path) => path === "/erofs/plain.js")).toBe(false)
  })

  it("with an import map takes the package as it was built, file by file", async () => {
    const imports = { "xxhash-wasm": "/xxhash-wasm/xxhash-wasm.js", "/erofs/erofs-wasm.js": "/dist/index.js" }
    const head = `<script type="importmap">${JSON.stringify({ imports })}</script>`
    const { answer, requests } = await visit<ReadAnswer>("read.js", { head })
    expect(answer.digests.found).toEqual(DIGESTS)
    expect(requests.some((path) => path.startsWith("/erofs/"))).toBe(false)
  })
})

it("the stand-in for Node's SHA-256 that the suite uses in browsers is right", async () => {
  const { createHash } = await import("./stand-in/crypto.js")
  const node = await import("node:crypto")
  const bytes = readFixture("lz4-legacy.erofs")
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000, bytes.length]) {
    const piece = bytes.subarray(0, length)
    expect(createHash("sha256").update(piece).digest("hex")).toBe(
      node.createHash("sha256").update(piece).digest("hex"),
    )
  }
})
