// SPDX-License-Identifier: MIT
/** The demo page in a real Chromium, with real clicks and keys. Needs `npm run build`. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Browser, BrowserContext, Locator, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { launchChromium } from "../support/chromium.js"
import { readManifest } from "../support/flat-image.js"
import { serve } from "../support/web-server.js"

const root = fileURLToPath(new URL("../../", import.meta.url))
const fixture = (name: string) => `${root}test/fixtures/${name}`
const manifest = readManifest("lz4.json")
const TWO = "Two releases of a small system"

let browser: Browser
let server: ChildProcess
let origin: string
beforeAll(async () => {
  execFileSync(process.execPath, ["scripts/build-demo.js"], { cwd: root })
  server = spawn(process.execPath, ["scripts/serve-demo.js", "--port", "0"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  })
  const line = await new Promise<string>((resolve) =>
    server.stdout?.once("data", (data) => resolve(String(data))),
  )
  origin = line.trim().replace("localhost", "127.0.0.1")
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  server?.kill()
})

let context: BrowserContext
let page: Page
let complaints: string[]
beforeEach(() => visit({ width: 1300, height: 900 }))
afterEach(async () => {
  await context.close()
  expect(complaints).toEqual([])
})

/** Opens the page afresh in a window of that size. */
async function visit(viewport: { width: number; height: number }, address = origin): Promise<void> {
  await context?.close()
  context = await browser.newContext({ viewport })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  complaints = []
  page.on("pageerror", (error) => complaints.push(error.stack ?? String(error)))
  await page.goto(address)
  await page.locator("body:not([inert])").waitFor() // the load event waits for no module that awaits
}

/** Chooses files in the dialog that the visible button opens. */
async function choose(...files: string[]): Promise<void> {
  const [dialog] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.locator("[data-open]:visible").first().click(),
  ])
  await dialog.setFiles(files)
}

/** Drops files onto the page. */
async function drop(...files: string[]): Promise<void> {
  const items = files.map((file) => ({
    name: file.split("/").pop() as string,
    base64: readFileSync(file).toString("base64"),
  }))
  const transfer = await page.evaluateHandle((given) => {
    const data = new DataTransfer()
    for (const { name, base64 } of given) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      data.items.add(new File([bytes], name))
    }
    return data
  }, items)
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer })
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer })
}

const title = (): Locator => page.locator("#details h2")
const panel = (): Locator => page.getByRole("tabpanel")
const row = (name: string): Locator =>
  page.getByRole("treeitem").filter({ has: page.getByText(name, { exact: true }) })
const tab = (name: string): Promise<void> => page.getByRole("tab", { name }).click()
const pool = (): Locator => page.locator("#pool")

/** Clicks its way down the tree. */
async function goTo(...names: string[]): Promise<void> {
  for (const name of names) {
    await row(name).first().click()
    await title().getByText(name, { exact: true }).waitFor()
  }
}

/** Bytes of what a click downloads, and the name that they come under. */
async function download(button: string): Promise<{ name: string; bytes: Buffer }> {
  const [got] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button }).click(),
  ])
  return { name: got.suggestedFilename(), bytes: readFileSync(await got.path()) }
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** A number of the pool's list of figures. */
async function figure(name: string): Promise<string> {
  return (await pool().locator(".numbers div", { hasText: name }).locator("dd").textContent()) ?? ""
}

describe("an image", () => {
  it("is chosen, browsed and looked at", async () => {
    await choose(fixture("images/lz4-legacy.erofs"))
    await expect.poll(() => title().textContent()).toBe("lz4-legacy.erofs")
    await goTo("text-300k")
    const { size } = manifest["/text-300k"] as { size: number }
    await tab("Details")
    await panel()
      .getByText(`(${size.toLocaleString("en")} bytes)`)
      .waitFor()
    await tab("Extents")
    await panel().getByRole("option").first().waitFor()
    expect(await panel().textContent()).toMatch(/^\d+ extents: 300 KiB from/)
    await tab("Attributes")
    await panel().getByText("No extended attributes.").waitFor()
  })

  it("is dropped", async () => {
    await drop(fixture("images/lz4-legacy.erofs"))
    await row("text-16k").waitFor()
  })

  it("is read from an address, by ranges", async () => {
    const asked: string[] = []
    page.on("request", (request) => {
      if (request.url().endsWith(".erofs") && request.headers().range)
        asked.push(request.headers().range as string)
    })
    await page.locator("#welcome input[name=url]").fill("samples/lz4-legacy.erofs")
    await page.keyboard.press("Enter")
    await row("text-16k").waitFor()
    expect(asked.length).toBeGreaterThan(0)
  })

  it("is named in the page's own address, with a path", async () => {
    await visit({ width: 1300, height: 900 }, `${origin}?url=samples/lz4-legacy.erofs#/sizes`)
    await expect.poll(() => title().textContent()).toBe("sizes")
    await expect.poll(() => row("sizes").getAttribute("aria-selected")).toBe("true")
  })

  it("comes with its further devices", async () => {
    await choose(fixture("images/chunk-blobdev.erofs"), fixture("images/chunk-blobdev.blob"))
    await goTo("text")
    const { sha256: digest } = readManifest("plain.json")["/text"] as { sha256: string }
    expect(sha256((await download("Download")).bytes)).toBe(digest)
  })

  it("is closed", async () => {
    await choose(fixture("images/lz4-legacy.erofs"))
    await row("text-16k").waitFor()
    await page.getByRole("button", { name: "Close" }).click()
    await page.getByText("Drop images here").waitFor()
  })
})

describe("a file", () => {
  it("is shown as text, and as bytes of which only what is in sight is read", async () => {
    await choose(fixture("images/lz4-legacy.erofs"))
    await goTo("text-300k")
    const text = panel().locator(".text-lines")
    await expect.poll(async () => (await text.textContent())?.length ?? 0).toBeGreaterThan(200_000)
    await panel()
      .getByRole("button", { name: /^Show more/ })
      .click()
    await expect
      .poll(async () => sha256(Buffer.from((await text.textContent()) ?? "")))
      .toBe(manifest["/text-300k"]?.sha256)
    await panel().getByText("Hex").click()
    const bytes = panel().getByRole("listbox")
    await bytes.getByText("00000000").waitFor()
    await bytes.focus()
    await page.keyboard.press("End")
    const last = Math.floor(((manifest["/text-300k"] as { size: number }).size - 1) / 16) * 16
    await bytes.getByText(last.toString(16).padStart(8, "0")).waitFor()
    expect(await bytes.getByRole("option").count()).toBeLessThan(100)
  })

  it("beyond 4 GiB is scrolled to its last byte", async () => {
    await choose(fixture("images/huge-zstd-48bit.erofs"))
    await goTo("above-4g")
    await panel().getByText("Hex").click()
    const bytes = panel().getByRole("listbox")
    await bytes.getByText("000000000000").waitFor()
    await bytes.focus()
    await page.keyboard.press("End")
    const { size } = readManifest("huge-chunk.json")["/above-4g"] as { size: number }
    const last = Math.floor((size - 1) / 16) * 16
    await bytes.getByText(last.toString(16).padStart(12, "0")).waitFor()
    await page.keyboard.press("ArrowUp")
    const active = bytes.getByRole("option", { selected: true })
    expect(await active.textContent()).toMatch(new RegExp(`^${(last - 16).toString(16).padStart(12, "0")}`))
    expect(await active.isVisible()).toBe(true)
    await bytes.hover()
    await page.mouse.wheel(0, -22)
    await page.keyboard.press("Home")
    await bytes.getByText("000000000000").waitFor()
  })

  it("is shown as a picture", async () => {
    await page.getByText(TWO).click()
    await goTo("usr", "share", "pictures", "aurora.png")
    await panel().getByText("640 × 360 pixels").waitFor()
    const width = await panel()
      .locator("img")
      .evaluate((image: HTMLImageElement) => image.naturalWidth)
    expect(width).toBe(640)
    await goTo("curtain.bmp")
    await panel().getByText("320 × 180 pixels").waitFor()
    await goTo("icons", "pool.svg")
    await panel().locator("img").waitFor()
  })

  it("tells its attributes and its fingerprint", async () => {
    await page.getByText(TWO).click()
    await goTo("usr", "share", "pictures", "aurora.png")
    await tab("Attributes")
    await panel().getByText("made for the demo of erofs-wasm").waitFor()
    const bytes = (await download("Download")).bytes
    await panel()
      .getByText(`sha256:${sha256(bytes)}`)
      .waitFor()
  })

  it("is downloaded, byte for byte", async () => {
    await choose(fixture("images/lz4-legacy.erofs"))
    for (const name of ["text-300k", "zeros-100k", "hole-only", "noise-6001"]) {
      await goTo(name)
      const got = await download("Download")
      expect([got.name, sha256(got.bytes)]).toEqual([name, manifest[`/${name}`]?.sha256])
    }
  })

  it("is found behind a link", async () => {
    await choose(fixture("images/lz4-legacy.erofs"))
    await goTo("link")
    await panel().getByRole("button", { name: "Go to /text-16k" }).click()
    await expect.poll(() => title().textContent()).toBe("text-16k")
    await page.goBack()
    await expect.poll(() => title().textContent()).toBe("link")
  })
})

it("a folder is downloaded as tar, which GNU tar reads", async () => {
  await choose(fixture("images/lz4-legacy.erofs"))
  await row("text-16k").waitFor()
  const { name, bytes } = await download("Download as tar")
  expect(name).toBe("lz4-legacy.tar")
  const untar = (...args: string[]): Buffer =>
    execFileSync("tar", [...args], { input: bytes, maxBuffer: 16 << 20 })
  const names = untar("-tf", "-").toString().trim().split("\n")
  const paths = names.map((member) => member.replace(/^lz4-legacy/, "").replace(/(.)\/$/, "$1"))
  expect(paths.sort()).toEqual(Object.keys(manifest).sort())
  for (const path of ["/text-300k", "/sparse", "/mixed-30k"]) {
    expect(sha256(untar("-xOf", "-", `lz4-legacy${path}`))).toBe(manifest[path]?.sha256)
  }
})

describe("the pool", () => {
  /** Colours of the picture's cells and how often each is there, looked at in the middle of each cell. */
  const cells = (): Promise<number> =>
    page.locator("canvas.pool-picture").evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext("2d") as CanvasRenderingContext2D
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
      const colors = new Set<number>()
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255)
          colors.add(
            ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number),
          )
      }
      return colors.size
    })

  it("fills while all files are read, and shows what two images share", async () => {
    await page.getByText(TWO).click()
    await row("aurora-1.1.erofs").waitFor()
    const before = await page.locator("canvas.pool-picture").screenshot()
    await page.getByRole("button", { name: "Read all files" }).click()
    await page.getByText("Reading all files").waitFor()
    await page.getByText(/all of it could be read$/).waitFor()
    await pool().locator(".legend").getByText("aurora-1.0 + aurora-1.1", { exact: true }).waitFor()
    await pool()
      .getByText(/^Sharing saves [\d.]+ [KM]iB, \d+ % of the memory\.$/)
      .waitFor()
    const after = await page.locator("canvas.pool-picture").screenshot()
    expect(after.equals(before)).toBe(false)
    expect(await cells()).toBeGreaterThan(2)
    const label = await page.locator("canvas.pool-picture").getAttribute("aria-label")
    expect(label).toMatch(/aurora-1\.0 \+ aurora-1\.1/)
    await page.getByRole("button", { name: "Empty" }).click()
    await expect
      .poll(() => page.locator("canvas.pool-picture").getAttribute("aria-label"))
      .toMatch(/All free$/)
  })

  it("shares equal pages of images without fingerprints, whatever their codecs", async () => {
    await choose(fixture("images/lz4-legacy.erofs"), fixture("images/deflate-9-c65536.erofs"))
    await row("deflate-9-c65536.erofs").waitFor()
    await pool().getByLabel("slowly").uncheck()
    await page.getByRole("button", { name: "Read all files" }).click()
    await page.getByText(/all of it could be read$/).waitFor()
    const legend = pool().locator(".legend")
    const both = legend.locator("li", { hasText: "lz4-legacy + deflate-9-c65536" })
    // Only pages of directories are an image's own.
    const own = legend.locator("li", { hasText: /^lz4-legacy[\d.]+ KiB$/ }).locator(".legend-size")
    await both.waitFor()
    await expect.poll(async () => Number.parseFloat((await own.textContent()) ?? "")).toBeLessThan(20)
    await pool().getByLabel("What is shared").selectOption("files shared by fingerprint")
    await both.waitFor({ state: "detached" })
    await page.getByRole("button", { name: "Read all files" }).click()
    await expect.poll(async () => Number.parseFloat((await own.textContent()) ?? "")).toBeGreaterThan(200)
    expect(await both.count()).toBe(0)
  })

  it("spares fetching and decoding what fingerprints say is there", async () => {
    await page.getByText(TWO).click()
    await row("aurora-1.1.erofs").waitFor()
    await pool().getByLabel("slowly").uncheck()
    const decoded: number[] = []
    for (const mode of ["nothing shared", "files shared by fingerprint"]) {
      await pool().getByLabel("What is shared").selectOption(mode)
      // The button waits for the pool to be changed, the figure for what was decoded into the one before it to be gone.
      await expect.poll(() => figure("Decoded")).not.toMatch(/MiB$/)
      await page.getByRole("button", { name: "Read all files" }).click()
      await page.getByText(/all of it could be read$/).waitFor()
      await page.getByText(/all of it could be read$/).waitFor({ state: "detached" })
      decoded.push(Number.parseFloat(await figure("Decoded")))
    }
    expect(await figure("Decoded")).toMatch(/MiB$/)
    expect(decoded[1]).toBeLessThan(decoded[0] as number)
  })

  it("shares nothing if told so", async () => {
    await page.getByText(TWO).click()
    await row("aurora-1.1.erofs").waitFor()
    await goTo("etc")
    await pool().getByLabel("What is shared").selectOption("nothing shared")
    await expect.poll(() => title().textContent()).toBe("etc")
    await pool().getByLabel("slowly").uncheck()
    await page.getByRole("button", { name: "Read all files" }).click()
    await page.getByText(/all of it could be read$/).waitFor()
    await pool().getByText("Nothing that was read so far is in several images.").waitFor()
  })

  it("reclaims when it is small", async () => {
    await page.getByText(TWO).click()
    await row("aurora-1.1.erofs").waitFor()
    await pool().getByLabel("Size of the pool").selectOption("1 MiB")
    await pool().getByLabel("slowly").uncheck()
    await page.getByRole("button", { name: "Read all files" }).click()
    await page.getByText(/all of it could be read$/).waitFor()
    await expect
      .poll(async () => Number((await figure("Pages reclaimed")).replace(",", "")))
      .toBeGreaterThan(100)
  })

  it("is read no further when that is cancelled", async () => {
    await page.getByText(TWO).click()
    await row("aurora-1.1.erofs").waitFor()
    await page.getByRole("button", { name: "Read all files" }).click()
    expect(await page.getByRole("button", { name: "Read all files" }).isDisabled()).toBe(true)
    await page.getByRole("button", { name: "Cancel" }).click()
    await page.getByText("Reading all files: cancelled").waitFor()
    expect(await page.getByRole("button", { name: "Read all files" }).isDisabled()).toBe(false)
    expect(await page.locator(".job progress").count()).toBe(0)
    await goTo("etc", "motd")
    await panel().getByText("Welcome to Aurora 1.0.").waitFor()
  })
})

describe("damage", () => {
  it("of a file is told, and the rest can be read", async () => {
    await page.getByText("A damaged image").click()
    await goTo("usr", "src", "erofs-wasm", "README.md")
    await panel().getByText("The image is damaged here").waitFor()
    expect(await panel().getByRole("alert").textContent()).toContain(
      "EUCLEAN · /usr/src/erofs-wasm/README.md",
    )
    await page.getByRole("button", { name: "Download" }).click()
    await page.locator("#jobs").getByText("The image is damaged here").waitFor()
    await page.getByRole("button", { name: "Dismiss" }).click()
    await goTo("etc", "motd")
    await panel().getByText("Welcome to Aurora").waitFor()
  })

  it("of a folder is told in the tree", async () => {
    await page.getByText("A damaged image").click()
    await goTo("usr", "share")
    await panel().getByText("The image is damaged here").waitFor()
    await row("share").locator(".tree-error").waitFor()
  })

  it("is found by a check", async () => {
    await page.getByText("A damaged image").click()
    await page.getByRole("button", { name: "Check" }).click()
    const found = page.getByRole("dialog")
    await found.getByText("2 things could not be read").waitFor()
    await found.getByRole("button", { name: "/usr/src/erofs-wasm/README.md" }).click()
    await expect.poll(() => title().textContent()).toBe("README.md")
  })

  it("of the superblock is told, and can be put up with", async () => {
    const bytes = readFileSync(fixture("images/lz4-legacy.erofs"))
    bytes.writeUInt32LE(1, 1028)
    const [dialog] = await Promise.all([page.waitForEvent("filechooser"), page.locator(".drop").click()])
    await dialog.setFiles({ name: "sum.erofs", mimeType: "", buffer: bytes })
    await page.getByText("This image is damaged").waitFor()
    await page.getByRole("button", { name: "Open it all the same" }).click()
    await row("text-16k").waitFor()
  })

  it("is told from what is no image at all, or not there", async () => {
    await choose(`${root}package.json`)
    await page.getByText("This is no EROFS image").waitFor()
    await page.locator("#welcome input[name=url]").fill("samples/nothing.erofs")
    await page.keyboard.press("Enter")
    await page.getByText("There is no such file").waitFor()
    await page.locator("#welcome input[name=url]").fill("ftp://example.org/a.erofs")
    await page.keyboard.press("Enter")
    await page.getByText("'ftp://example.org/a.erofs' is no address of the web.").waitFor()
  })
})

it("the keyboard goes everywhere", async () => {
  await page.getByRole("button", { name: TWO }).focus()
  await page.keyboard.press("Enter")
  await row("aurora-1.1.erofs").waitFor()
  const selected = (): Promise<string | null> =>
    page.locator("[role=treeitem][aria-selected=true] .name").textContent()
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("tree")
  await page.keyboard.press("u")
  expect(await selected()).toBe("usr")
  await page.keyboard.press("ArrowRight")
  await row("share").waitFor()
  await page.keyboard.press("ArrowRight")
  expect(await selected()).toBe("bin")
  await page.keyboard.press("ArrowLeft")
  expect(await selected()).toBe("usr")
  await page.keyboard.press("ArrowLeft")
  await row("share").waitFor({ state: "detached" })
  await page.keyboard.press("Home")
  expect(await selected()).toBe("aurora-1.0.erofs")
  await page.keyboard.press("End")
  expect(await selected()).toBe("aurora-1.1.erofs")
  await page.keyboard.press("Enter")
  await expect.poll(() => title().textContent()).toBe("aurora-1.1.erofs")
  await page.keyboard.press("Home")
  // On to the list of contents, and down into a folder from there.
  await page.getByRole("listbox", { name: "Contents of /" }).focus()
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  await expect.poll(() => title().textContent()).toBe("etc")
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")))
    .toBe("Contents of /etc")
  await page.getByRole("tab", { name: "Contents" }).focus()
  await page.keyboard.press("ArrowRight")
  expect(await page.getByRole("tab", { name: "Details" }).getAttribute("aria-selected")).toBe("true")
  await page.getByRole("tree").focus()
  await page.keyboard.press("End")
  await page.keyboard.press("ArrowLeft")
  await page.keyboard.press("Delete")
  await row("aurora-1.1.erofs").waitFor({ state: "detached" })
})

it("a narrow screen shows one part at a time, and Back leads back", async () => {
  await visit({ width: 380, height: 740 })
  await choose(fixture("images/lz4-legacy.erofs"))
  await title().waitFor()
  for (const name of ["Pool", "Content", "Files"]) {
    await page.getByRole("button", { name, exact: true }).click()
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect([name, overflow]).toEqual([name, 0])
  }
  await expect.poll(() => page.locator("#details").isVisible()).toBe(false)
  expect(await row("lz4-legacy.erofs").isVisible()).toBe(true)
  await row("text-16k").click()
  await expect.poll(() => title().textContent()).toBe("text-16k")
  expect(await page.locator("#tree").isVisible()).toBe(false)
  await page.goBack()
  await expect.poll(() => page.locator("#tree").isVisible()).toBe(true)
  await page.getByRole("button", { name: "Pool" }).click()
  await expect.poll(() => page.locator("canvas.pool-picture").isVisible()).toBe(true)
})

it("works as static files without isolation, in plain memory", async () => {
  await using site = await serve({ folders: { "/": `${root}build/demo/` } })
  await visit({ width: 1300, height: 900 }, `${site.origin}/`)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
  await choose(fixture("images/lz4-legacy.erofs"))
  await goTo("text-16k")
  expect(sha256((await download("Download")).bytes)).toBe(manifest["/text-16k"]?.sha256)
  expect(await figure("Memory")).toBe("plain")
})
