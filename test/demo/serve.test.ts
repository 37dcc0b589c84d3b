// SPDX-License-Identifier: MIT
/** The server of the demo page: what it hands out, in which pieces, and what it never does. */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { request } from "node:http"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const script = fileURLToPath(new URL("../../scripts/serve-demo.js", import.meta.url))
const image = readFileSync(new URL("../fixtures/images/lz4-legacy.erofs", import.meta.url))
const SAMPLE = "/samples/lz4-legacy.erofs"

let server: ChildProcess
let port: number
beforeAll(async () => {
  server = spawn(process.execPath, [script, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] })
  const line = await new Promise<string>((resolve) =>
    server.stdout?.once("data", (data) => resolve(String(data))),
  )
  port = Number(/^http:\/\/localhost:(\d+)\/\n$/.exec(line)?.[1])
})
afterAll(() => {
  server.kill()
})

interface Answer {
  status: number | undefined
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** Asks with the path exactly as written: fetch would tidy it up. */
function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: "127.0.0.1", path, method, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on("data", (piece) => pieces.push(piece))
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }),
      )
    })
    call.on("error", reject)
    call.end()
  })
}

describe("files", () => {
  it("come whole, with what isolation needs", async () => {
    const { status, headers, body } = await ask(SAMPLE)
    expect([status, body.equals(image)]).toEqual([200, true])
    expect(headers).toMatchObject({
      "content-length": String(image.length),
      "accept-ranges": "bytes",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "x-content-type-options": "nosniff",
    })
  })

  it("tell their size without a body", async () => {
    const { status, headers, body } = await ask(SAMPLE, {}, "HEAD")
    expect([status, headers["content-length"], body.length]).toEqual([200, String(image.length), 0])
  })

  it("are not sent again", async () => {
    const { headers } = await ask(SAMPLE)
    const { status, body } = await ask(SAMPLE, { "if-none-match": String(headers.etag) })
    expect([status, body.length]).toEqual([304, 0])
  })
})

describe("ranges", () => {
  const last = image.length - 1
  it.each([
    ["bytes=1024-1027", 1024, 1027],
    ["bytes=0-0", 0, 0],
    ["bytes=90000-", 90000, last],
    ["bytes=-100", last - 99, last],
    ["bytes=-99999999", 0, last],
    [`bytes=10-${"9".repeat(12)}`, 10, last],
  ])("%s", async (range, start, end) => {
    const { status, headers, body } = await ask(SAMPLE, { range })
    expect(status).toBe(206)
    expect(headers["content-range"]).toBe(`bytes ${start}-${end}/${image.length}`)
    expect(body.equals(image.subarray(start, end + 1))).toBe(true)
  })

  it.each([`bytes=${image.length}-`, "bytes=-0"])("%s cannot be had", async (range) => {
    const { status, headers } = await ask(SAMPLE, { range })
    expect([status, headers["content-range"]]).toEqual([416, `bytes */${image.length}`])
  })

  it.each(["bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=-", "bytes=0-1,5-6"])(
    "%s is passed over",
    async (range) => {
      const { status, body } = await ask(SAMPLE, { range })
      expect([status, body.length]).toEqual([200, image.length])
    },
  )

  it("count only for the version that was meant", async () => {
    const { headers } = await ask(SAMPLE)
    const same = await ask(SAMPLE, { range: "bytes=0-3", "if-range": String(headers.etag) })
    const other = await ask(SAMPLE, { range: "bytes=0-3", "if-range": '"another"' })
    expect([same.status, other.status]).toEqual([206, 200])
  })
})

describe("nothing else", () => {
  it.each([
    "/../package.json",
    "/samples/../../../package.json",
    "/%2e%2e/%2e%2e/package.json",
    "/samples/..%2f..%2f..%2fpackage.json",
    "/samples/..%5c..%5c..%5cpackage.json",
    "/samples//etc/passwd",
    "//etc/passwd",
    "/samples/lz4-legacy.erofs%00.png",
    "/samples/lz4-legacy.erofs/",
    "/samples/",
    "/%ff",
    "/nothing",
  ])("%s is not found", async (path) => {
    expect((await ask(path)).status).toBe(404)
  })

  it("cannot be written", async () => {
    const { status, headers } = await ask(SAMPLE, {}, "DELETE")
    expect([status, headers.allow]).toEqual([405, "GET, HEAD"])
  })
})
