// SPDX-License-Identifier: MIT
/** Remote files: what is asked of servers, and what comes of servers that misbehave. */
import { once } from "node:events"
import { describe, expect, it, vi } from "vitest"
import {
  type FetchFunction,
  type HttpOptions,
  type HttpSource,
  httpSource,
  PagePool,
} from "../../src/index.js"
import { readFixture } from "../support/flat-image.js"
import { type Behaviour, HttpServer } from "../support/http-server.js"
import { filesOf, manifestOf, sha256 } from "../support/open.js"
import { Random } from "../support/random.js"

const BYTES = new Random(1).bytes(300_000)
/** No time is lost in tests, and nothing comes but what is asked for: what `first` brings has tests of its own. */
const QUICK = { retryDelay: 1, first: 0 } as const

async function serve(options: HttpOptions = {}, behaviour?: Behaviour) {
  const server = await HttpServer.start(BYTES)
  if (behaviour) server.behaviour = behaviour
  const source = await httpSource(server.url, { ...QUICK, ...options })
  return { server, source }
}

/** Reads a range, which must be the file's bytes. */
async function expectBytes(source: HttpSource, start: number, end: number): Promise<void> {
  const target = new Uint8Array(end - start)
  expect(await source.read(target, start, {})).toBe(target.length)
  expect(Buffer.compare(target, BYTES.subarray(start, end))).toBe(0)
}

function readSome(source: HttpSource, start = 1000, length = 5000, signal?: AbortSignal): Promise<number> {
  return source.read(new Uint8Array(length), start, { signal })
}

describe("the size", () => {
  it("is asked for with HEAD", async () => {
    const { server, source } = await serve()
    expect(source.size).toBe(BYTES.length)
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD"])
    expect(source.name).toBe(server.url)
    expect(source.identity).toBe(`${server.url}\n"v1"\n${BYTES.length}`)
    await expectBytes(source, 1000, 2000)
    expect(source.stats()).toEqual({ requests: 2, bytes: 1000 })
  })

  it.each([
    ["refused: 405", 405, {}],
    ["forbidden, as by signed URLs: 403", 403, {}],
    ["not known: 404", 404, {}],
    ["answered without a length", 200, { "transfer-encoding": "chunked" }],
    [
      "answered with the length of a compressed form",
      200,
      { "content-length": "5", "content-encoding": "gzip" },
    ],
  ])("is told by the first byte where HEAD is %s", async (_, status, headers) => {
    const { server, source } = await serve({}, ({ method }, response) => {
      if (method !== "HEAD") return false
      response.writeHead(status, { ...headers, etag: '"another"' } as Record<string, string>).end()
      return true
    })
    expect(source.size).toBe(BYTES.length)
    expect(server.gets.map(({ range }) => range)).toEqual([{ first: 0, last: 0 }])
    await expectBytes(source, 299_000, 300_000)
  })

  it("may be given: then nothing is asked before the first read", async () => {
    const { server, source } = await serve({ size: BYTES.length })
    expect(server.requests).toEqual([])
    expect(source.identity).toBeUndefined()
    await expectBytes(source, 0, 10)
    expect(server.requests).toHaveLength(1)
    expect(source.identity).toContain('"v1"')
  })

  it("of nothing is ENOENT, of an empty file 0", async () => {
    const server = await HttpServer.start(BYTES)
    server.behaviour = (_, response) => {
      response.writeHead(404).end()
      return true
    }
    await expect(httpSource(server.url, QUICK)).rejects.toMatchObject({ code: "ENOENT" })
    server.content = { size: 0, read() {} }
    server.behaviour = (request, response) => {
      if (request.method === "HEAD") response.writeHead(405).end()
      else server.answerWell({ ...request, range: { first: 0, last: 0 } }, response)
      return true
    }
    expect((await httpSource(server.url, QUICK)).size).toBe(0)
  })

  it("that nobody tells is ENOTSUP", async () => {
    const hidden: FetchFunction = async (_, { method }) =>
      method === "HEAD"
        ? new Response(null, { status: 405 })
        : new Response(new Uint8Array(1), { status: 206 })
    await expect(httpSource("http://example.invalid/", { fetch: hidden })).rejects.toMatchObject({
      code: "ENOTSUP",
      reason: expect.stringContaining("size"),
    })
  })
})

describe("the beginning", () => {
  it("comes with the size, and is asked for once", async () => {
    const { server, source } = await serve({ first: 65_536 })
    expect(source.size).toBe(BYTES.length)
    expect(server.requests.map(({ method, range }) => ({ method, ...range }))).toEqual([
      { method: "GET", first: 0, last: 65_535 },
    ])
    expect(source.identity).toBe(`${server.url}\n"v1"\n${BYTES.length}`)
    await expectBytes(source, 0, 65_536)
    await expectBytes(source, 1000, 1010)
    expect(server.requests).toHaveLength(1)
    await expectBytes(source, 60_000, 70_000)
    expect(server.gets.at(-1)?.range).toEqual({ first: 65_536, last: 69_999 })
    await expectBytes(source, 200_000, 200_010)
    expect(source.stats()).toEqual({ requests: 3, bytes: 65_536 + 4464 + 10 })
  })

  it("is all of a short file, whether the server knows ranges or not", async () => {
    for (const status of [206, 200]) {
      const { server, source } = await serve({ first: 400_000 }, (request, response, self) => {
        if (status === 200) self.answerWell({ ...request, range: undefined }, response)
        return status === 200
      })
      await expectBytes(source, 0, 300_000)
      expect(server.requests).toHaveLength(1)
    }
  })

  it("is as long as `first` says, and no longer than the file", async () => {
    const { server, source } = await serve({ first: 10 })
    expect(server.gets.map(({ range }) => range)).toEqual([{ first: 0, last: 9 }])
    await expectBytes(source, 5, 15)
    expect(server.gets.at(-1)?.range).toEqual({ first: 10, last: 14 })
    const empty = await HttpServer.start(new Uint8Array(0))
    expect((await httpSource(empty.url)).size).toBe(0)
    expect(empty.requests).toHaveLength(1)
  })

  it.each([
    ["the whole file", (_: unknown) => new Response(BYTES.slice(), { status: 200 })],
    [
      "another range",
      () => new Response("abc", { status: 206, headers: { "content-range": "bytes 5-7/9" } }),
    ],
    ["a range of a file of unknown size", () => partOf("bytes 0-65535/*")],
    ["a range that it does not tell", () => new Response(BYTES.slice(0, 65_536), { status: 206 })],
    ["no leave", () => new Response(null, { status: 403 })],
    ["a compressed form", () => partOf(`bytes 0-65535/${BYTES.length}`, { "content-encoding": "br" })],
  ])("is left alone where the server gives %s: HEAD tells the size then", async (_, answer) => {
    const server = await HttpServer.start(BYTES)
    let asked = 0
    const source = await httpSource(server.url, {
      fetch: async (url, init) => (asked++ === 0 ? answer(url) : await fetch(url, init)),
    })
    expect(source.size).toBe(BYTES.length)
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD"])
    await expectBytes(source, 0, 70_000)
    expect(server.gets.map(({ range }) => range)).toEqual([{ first: 0, last: 69_999 }])
  })

  it("that is cut short is asked for again", async () => {
    const { server, source } = await serve({ first: 65_536 }, ({ range }, response, self) => {
      if (self.requests.length > 1) return false
      response.writeHead(206, self.rangeHeaders(range as { first: number; last: number }))
      response.write(BYTES.subarray(0, 1000), () => response.destroy())
      return true
    })
    await expectBytes(source, 0, 65_536)
    expect(server.requests).toHaveLength(2)
  })

  it("is not given any more once the file has changed", async () => {
    const { server, source } = await serve({ first: 65_536 })
    server.headers = { etag: '"v2"' }
    await expect(readSome(source, 100_000)).rejects.toMatchObject({ code: "ESTALE" })
    await expect(readSome(source, 0, 10)).rejects.toMatchObject({ code: "ESTALE" })
  })

  it("is not waited for by who gives up", async () => {
    const { source } = await serve({ first: 65_536 })
    await expect(readSome(source, 0, 10, AbortSignal.abort("enough"))).rejects.toBe("enough")
    source.close()
    await expect(readSome(source, 0, 10)).rejects.toMatchObject({ code: "EBADF" })
  })
})

/** The file's beginning as an answer that says of itself what is given. */
function partOf(contentRange: string, headers: Record<string, string> = {}): Response {
  return new Response(BYTES.slice(0, 65_536), {
    status: 206,
    headers: { "content-range": contentRange, ...headers },
  })
}

describe("requests", () => {
  it("are made by the caller's fetch, with the caller's headers and credentials", async () => {
    const server = await HttpServer.start(BYTES)
    const seen: RequestInit[] = []
    const source = await httpSource(new URL(server.url), {
      first: 0,
      headers: { authorization: "Bearer x" },
      credentials: "include",
      fetch: (url, init) => {
        seen.push(init)
        return fetch(`${url}?signature=1`, init)
      },
    })
    await expectBytes(source, 5, 10)
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer x", "Bearer x"])
    expect(seen.map(({ credentials }) => credentials)).toEqual(["include", "include"])
  })

  it("follow redirects", async () => {
    const target = await HttpServer.start(BYTES)
    const { server, source } = await serve({}, (_, response) => {
      response.writeHead(302, { location: target.url }).end()
      return true
    })
    await expectBytes(source, 5, 5000)
    expect(target.requests.map(({ method }) => method)).toEqual(["HEAD", "GET"])
    expect(server.requests).toHaveLength(2)
  })

  it("of one tick are one where little lies between, several where much does", async () => {
    const { server, source } = await serve({ gap: 100 })
    await Promise.all([
      expectBytes(source, 1000, 2000),
      expectBytes(source, 2100, 2200),
      expectBytes(source, 1500, 1800),
      expectBytes(source, 2301, 2400),
    ])
    expect(server.gets.map(({ range }) => range)).toEqual([
      { first: 1000, last: 2199 },
      { first: 2301, last: 2399 },
    ])
    expect(source.stats()).toEqual({ requests: 3, bytes: 1299 })
  })

  it("are no longer than allowed, and not more at a time", async () => {
    const { server, source } = await serve({ maxRequest: 10_000, concurrency: 3 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      return false
    })
    await expectBytes(source, 5000, 205_000)
    expect(server.gets).toHaveLength(20)
    expect(server.gets.every(({ sent }) => sent === 10_000)).toBe(true)
    expect(server.mostAtOnce).toBe(3)
  })

  it("are joined by reads that come while they are under way", async () => {
    let letGo = (): void => {}
    const { server, source } = await serve({}, async ({ method }) => {
      if (method === "GET") await new Promise<void>((resolve) => (letGo = resolve))
      return false
    })
    const first = expectBytes(source, 0, 50_000)
    await vi.waitFor(() => expect(server.gets).toHaveLength(1))
    const second = expectBytes(source, 40_000, 45_000)
    letGo()
    await Promise.all([first, second])
    expect(server.gets).toHaveLength(1)
  })

  it("are not made for nothing", async () => {
    const { server, source } = await serve()
    expect(await source.read(new Uint8Array(0), 5, {})).toBe(0)
    expect(await source.read(new Uint8Array(10), BYTES.length, {})).toBe(0)
    expect(await source.read(new Uint8Array(10), BYTES.length - 4, {})).toBe(4)
    expect(server.gets).toHaveLength(1)
  })

  it("know their options", async () => {
    for (const options of [
      { gap: -1 },
      { size: 0.5 },
      { concurrency: 0 },
      { maxRequest: 0 },
      { timeout: 0 },
    ]) {
      await expect(httpSource("http://127.0.0.1/", options)).rejects.toMatchObject({ code: "EINVAL" })
    }
    const unknown = { colour: "red" } as HttpOptions
    await expect(httpSource("http://127.0.0.1/", unknown)).rejects.toMatchObject({ code: "ENOTSUP" })
  })

  it("do not show secrets in messages", async () => {
    const refuse: FetchFunction = async () => new Response(null, { status: 403 })
    const opened = httpSource("https://user:password@example.invalid/a?signature=secret", { fetch: refuse })
    const error = await opened.catch((caught: Error) => caught)
    expect(String(error)).toContain("https://example.invalid/a: HTTP 403")
    expect(String(error)).not.toMatch(/password|secret/)
  })
})

describe("trying again", () => {
  it.each([500, 502, 503, 504, 429, 408])("helps where the server is busy: %d", async (status) => {
    const { server, source } = await serve({}, (_, response, { requests }) => {
      if (requests.length % 2 === 0) return false
      response.writeHead(status, { "retry-after": "0" }).end()
      return true
    })
    await expectBytes(source, 0, 100)
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD", "GET", "GET"])
    expect(source.stats().requests).toBe(4)
  })

  it("has an end", async () => {
    const { server, source } = await serve({ retries: 2 }, ({ method }, response) => {
      if (method === "HEAD") return false
      response.writeHead(503).end()
      return true
    })
    await expect(readSome(source)).rejects.toMatchObject({
      code: "EIO",
      reason: expect.stringContaining("HTTP 503"),
    })
    expect(server.gets).toHaveLength(3)
  })

  it("is left where the server asks for more patience than anybody has", async () => {
    const { server, source } = await serve({}, ({ method }, response) => {
      if (method === "HEAD") return false
      response.writeHead(503, { "retry-after": "3600" }).end()
      return true
    })
    await expect(readSome(source)).rejects.toMatchObject({ code: "EIO" })
    expect(server.gets).toHaveLength(1)
  })

  it.each([400, 401, 403, 404, 451, 501])("is not worth it: %d", async (status) => {
    const { server, source } = await serve({ size: BYTES.length }, (_, response) => {
      response.writeHead(status).end()
      return true
    })
    await expect(readSome(source)).rejects.toMatchObject({
      code: "EIO",
      reason: expect.stringContaining(`${status}`),
    })
    expect(server.gets).toHaveLength(1)
  })

  it("goes on where a broken connection left off", async () => {
    const { server, source } = await serve({}, ({ method, range }, response, { requests }) => {
      if (method !== "GET" || !range || requests.length > 3) return false
      response.writeHead(206, server.rangeHeaders(range))
      response.write(server.slice(range.first, range.first + 69_999), () =>
        setTimeout(() => response.destroy(), 20),
      )
      return true
    })
    await expectBytes(source, 0, 200_000)
    const starts = server.gets.map(({ range }) => range?.first ?? -1)
    expect(starts).toHaveLength(3)
    expect(starts[0]).toBe(0)
    expect(starts[1]).toBeGreaterThan(0)
    expect(starts[2]).toBeGreaterThan(starts[1] as number)
  })

  it("helps where nobody listens, for a while", async () => {
    const server = await HttpServer.start(BYTES)
    const { url } = server
    server.stop()
    let calls = 0
    const counting: FetchFunction = (input, init) => {
      calls++
      return fetch(input, init)
    }
    await expect(httpSource(url, { ...QUICK, retries: 2, fetch: counting })).rejects.toMatchObject({
      code: "EIO",
    })
    expect(calls).toBe(3)
  })
})

describe("an answer", () => {
  /** What reading comes to when every GET is answered so. */
  async function answer(behaviour: Behaviour, options: HttpOptions = {}) {
    const { server, source } = await serve(options, (request, response, server) =>
      request.method === "GET" ? behaviour(request, response, server) : false,
    )
    const outcome = await source.read(new Uint8Array(5000), 1000, {}).catch((error: unknown) => error)
    return { server, source, outcome }
  }

  it("that is the whole file is called off, and an error", async () => {
    let isGone: Promise<unknown> | undefined
    const { outcome, server } = await answer((_, response) => {
      isGone = once(response, "close")
      response.writeHead(200, { "content-length": String(BYTES.length) }).write(BYTES.subarray(0, 1000))
      return true
    })
    expect(outcome).toMatchObject({ code: "ENOTSUP", reason: expect.stringContaining("ignores ranges") })
    await isGone
    expect(server.gets).toHaveLength(1)
  })

  it("that is the whole file is downloaded once if that is wished", async () => {
    const ignore: Behaviour = ({ method }, response) => {
      if (method === "HEAD") return false
      response.writeHead(200, { "content-length": String(BYTES.length) }).end(BYTES)
      return true
    }
    const { server, source } = await serve({ whole: true, maxRequest: 10_000 }, ignore)
    await Promise.all([expectBytes(source, 0, 100_000), expectBytes(source, 200_000, 300_000)])
    const count = server.gets.length
    expect(server.gets.filter(({ range }) => !range)).toHaveLength(1)
    await expectBytes(source, 50_000, 250_000)
    expect(server.gets).toHaveLength(count)
  })

  it("that is the whole file is taken where HEAD is refused too, with or without a length", async () => {
    for (const headers of [{ "content-length": String(BYTES.length) }, {}]) {
      const { source } = await serve({ whole: true }, ({ method }, response) => {
        if (method === "HEAD") response.writeHead(405).end()
        else response.writeHead(200, headers as Record<string, string>).end(BYTES)
        return true
      })
      expect(source.size).toBe(BYTES.length)
      await expectBytes(source, 1000, 2000)
    }
  })

  it("that is the whole file will do where the whole file was asked for", async () => {
    const { source, server } = await serve({}, ({ method }, response) => {
      if (method === "HEAD") return false
      response.writeHead(200, { "content-length": String(BYTES.length) }).end(BYTES)
      return true
    })
    await expectBytes(source, 0, BYTES.length)
    expect(server.gets).toHaveLength(1)
  })

  it("that is shorter, and says so, is completed", async () => {
    const { server, source } = await serve({}, ({ range }, response) => {
      if (!range || range.last - range.first < 1000) return false
      const part = { first: range.first, last: range.first + 999 }
      response.writeHead(206, server.rangeHeaders(part)).end(server.slice(part.first, part.last))
      return true
    })
    await expectBytes(source, 10, 3500)
    expect(server.gets.map(({ sent }) => sent)).toEqual([1000, 1000, 1000, 490])
  })

  it("that is always a little shorter comes to an end", async () => {
    const { server, outcome } = await answer(({ range }, response, server) => {
      const part = { first: range?.first ?? 0, last: range?.first ?? 0 }
      response.writeHead(206, server.rangeHeaders(part)).end(server.slice(part.first, part.last))
      return true
    })
    expect(outcome).toMatchObject({ code: "EIO", reason: expect.stringContaining("early") })
    expect(server.gets).toHaveLength(5)
  })

  it.each([
    ["that is longer, and says so", { "content-length": "6000" }],
    ["that is longer, and does not say so", {}],
  ])("%s is an error", async (_, headers) => {
    const { outcome, server } = await answer(({ range }, response, server) => {
      const { "content-length": ignored, ...rest } = server.rangeHeaders(range ?? { first: 0, last: 0 })
      response.writeHead(206, { ...rest, ...headers } as Record<string, string>)
      response.write(BYTES.subarray(1000, 6000))
      setTimeout(() => response.end(BYTES.subarray(6000, 7000)), 5)
      return true
    })
    expect(outcome).toMatchObject({ code: "EIO", reason: expect.stringContaining("longer") })
    expect(server.gets).toHaveLength(1)
  })

  it.each<[string, Record<string, string>, string]>([
    ["of another range", { "content-range": "bytes 2000-6999/300000" }, "2000 to 7000 came"],
    ["of an empty range", { "content-range": "bytes 1000-999/300000" }, "came"],
    ["of a range that cannot be understood", { "content-range": "lines 1-2/3" }, "Content-Range"],
    ["in several parts", { "content-type": "multipart/byteranges; boundary=x" }, "several parts"],
    ["that is compressed", { "content-encoding": "br" }, "compresses"],
  ])("%s is an error", async (_, headers, reason) => {
    const strange: FetchFunction = async () =>
      new Response(BYTES.subarray(1000, 6000), { status: 206, headers })
    const source = await httpSource("http://example.invalid/", { size: BYTES.length, fetch: strange })
    await expect(readSome(source)).rejects.toMatchObject({ reason: expect.stringContaining(reason) })
    expect(source.stats().requests).toBe(1)
  })

  it("whose headers are hidden from pages of other origins will do if it has the right length", async () => {
    const hidden: FetchFunction = async (_, { headers }) => {
      const [, first, last] = /=(\d+)-(\d+)/.exec(new Headers(headers).get("range") ?? "") ?? []
      return new Response(BYTES.subarray(Number(first), Number(last) + 1), { status: 206 })
    }
    const source = await httpSource("http://example.invalid/", { size: BYTES.length, fetch: hidden })
    await expectBytes(source, 1000, 6000)
    expect(source.identity).toBeUndefined()
  })

  it("that there is no such range is an error", async () => {
    const { outcome, server } = await answer((_, response) => {
      response.writeHead(416, { "content-range": `bytes */${BYTES.length}` }).end()
      return true
    })
    expect(outcome).toMatchObject({ code: "EIO", reason: expect.stringContaining("HTTP 416") })
    expect(server.gets).toHaveLength(1)
  })
})

describe("time", () => {
  it.each<[string, Behaviour]>([
    ["does not answer", () => true],
    [
      "stops in the middle",
      ({ range }, response) => {
        response.writeHead(206, { "content-range": `bytes ${range?.first}-${range?.last}/${BYTES.length}` })
        response.write(BYTES.subarray(1000, 1100))
        return true
      },
    ],
    [
      "lets bytes drip",
      ({ range }, response) => {
        response.writeHead(206, { "content-range": `bytes ${range?.first}-${range?.last}/${BYTES.length}` })
        const drip = setInterval(() => response.write("x"), 5)
        response.on("close", () => clearInterval(drip))
        return true
      },
    ],
  ])("ends for a server that %s, and the request is called off", async (_, behaviour) => {
    const gone: Promise<unknown>[] = []
    const { server, source } = await serve({ timeout: 60, retries: 1 }, (request, response, server) => {
      if (request.method === "HEAD") return false
      gone.push(once(response, "close"))
      return behaviour(request, response, server)
    })
    await expect(readSome(source)).rejects.toMatchObject({
      code: "EIO",
      reason: expect.stringContaining("60 ms"),
    })
    expect(server.gets).toHaveLength(2)
    await Promise.all(gone)
  })

  it("ends for a fetch that heeds no signal, too", async () => {
    const deaf: FetchFunction = () => new Promise(() => {})
    const options = { ...QUICK, fetch: deaf, timeout: 20, retries: 0, size: 5000 }
    const source = await httpSource("http://example.invalid/", options)
    await expect(readSome(source, 0)).rejects.toMatchObject({ code: "EIO" })
    const controller = new AbortController()
    const slow = await httpSource("http://example.invalid/", { ...options, timeout: 10_000 })
    const read = readSome(slow, 0, 100, controller.signal)
    controller.abort("enough")
    await expect(read).rejects.toBe("enough")
  })
})

describe("giving up", () => {
  /** A server whose answers never end, and how many of its requests are still open. */
  async function stalling(options: HttpOptions = {}) {
    let open = 0
    const served = await serve(options, ({ method, range }, response) => {
      if (method === "HEAD" || !range) return false
      open++
      response.on("close", () => open--)
      response
        .writeHead(206, served.server.rangeHeaders(range))
        .write(served.server.slice(range.first, range.first + 9))
      return true
    })
    return { ...served, openRequests: () => open }
  }

  it("stops the request", async () => {
    const { source, openRequests } = await stalling()
    const controller = new AbortController()
    const target = new Uint8Array(5000)
    const read = source.read(target, 1000, { signal: controller.signal })
    await vi.waitFor(() => expect(openRequests()).toBe(1))
    controller.abort(new Error("no longer wanted"))
    await expect(read).rejects.toThrow("no longer wanted")
    target.fill(0)
    await vi.waitFor(() => expect(openRequests()).toBe(0))
    expect(target.every((byte) => byte === 0)).toBe(true)
  })

  it("stops a request that several wait for with the last of them", async () => {
    const { server, source, openRequests } = await stalling()
    const controllers = [new AbortController(), new AbortController()]
    const reads = controllers.map(({ signal }, i) => readSome(source, i * 1000, 2000, signal))
    await vi.waitFor(() => expect(openRequests()).toBe(1))
    controllers[0]?.abort("first")
    await expect(reads[0]).rejects.toBe("first")
    // A request that is called off after it ends before it would.
    const other = new AbortController()
    const unrelated = readSome(source, 200_000, 100, other.signal)
    await vi.waitFor(() => expect(openRequests()).toBe(2))
    other.abort("other")
    await expect(unrelated).rejects.toBe("other")
    await vi.waitFor(() => expect(openRequests()).toBe(1))
    controllers[1]?.abort("second")
    await expect(reads[1]).rejects.toBe("second")
    await vi.waitFor(() => expect(openRequests()).toBe(0))
    expect(server.gets[0]?.range).toEqual({ first: 0, last: 2999 })
  })

  it("lets the others have their bytes", async () => {
    let letGo = (): void => {}
    const { server, source } = await serve({}, async ({ method }) => {
      if (method === "GET") await new Promise<void>((resolve) => (letGo = resolve))
      return false
    })
    const controller = new AbortController()
    const abandoned = readSome(source, 0, 2000, controller.signal)
    const kept = expectBytes(source, 1000, 3000)
    await vi.waitFor(() => expect(server.gets).toHaveLength(1))
    controller.abort("enough")
    await expect(abandoned).rejects.toBe("enough")
    letGo()
    await kept
  })

  it("works before a request is made, while it queues, and between attempts", async () => {
    const { server, source } = await stalling({ concurrency: 1, gap: 0 })
    await expect(readSome(source, 0, 10, AbortSignal.abort("at once"))).rejects.toBe("at once")
    const controller = new AbortController()
    const early = readSome(source, 0, 10, controller.signal)
    controller.abort("early")
    await expect(early).rejects.toBe("early")
    expect(server.gets).toHaveLength(0)
    const second = new AbortController()
    const reads = [
      readSome(source, 0, 10_000, second.signal),
      readSome(source, 20_000, 10_000, second.signal),
    ]
    await vi.waitFor(() => expect(server.gets).toHaveLength(1))
    second.abort("queue")
    for (const read of reads) await expect(read).rejects.toBe("queue")
    expect(server.gets).toHaveLength(1)

    const busy = await serve({ retryDelay: 60_000 }, ({ method }, response) => {
      if (method === "HEAD") return false
      response.writeHead(503).end()
      return true
    })
    const third = new AbortController()
    const waiting = readSome(busy.source, 0, 10, third.signal)
    await vi.waitFor(() => expect(busy.server.gets).toHaveLength(1))
    third.abort("tired")
    await expect(waiting).rejects.toBe("tired")
  })

  it("stops opening, and downloads", async () => {
    const server = await HttpServer.start(BYTES)
    let open = 0
    server.behaviour = ({ method }, response) => {
      if (method === "HEAD") return false
      open++
      response.on("close", () => open--)
      response.writeHead(200, { "content-length": String(BYTES.length) }).write(BYTES.subarray(0, 10))
      return true
    }
    const source = await httpSource(server.url, { ...QUICK, whole: true })
    const controllers = [new AbortController(), new AbortController()]
    const reads = controllers.map(({ signal }, i) => readSome(source, i * 100_000, 10, signal))
    await vi.waitFor(() => expect(server.gets.filter(({ range }) => !range)).toHaveLength(1))
    controllers[0]?.abort("one")
    await expect(reads[0]).rejects.toBe("one")
    controllers[1]?.abort("two")
    await expect(reads[1]).rejects.toBe("two")
    await vi.waitFor(() => expect(open).toBe(0))
    server.behaviour = () => false
    await expectBytes(source, 10, 20)

    server.behaviour = () => true
    const opening = new AbortController()
    const opened = httpSource(server.url, { first: 0, signal: opening.signal })
    await vi.waitFor(() => expect(server.requests.at(-1)?.method).toBe("HEAD"))
    opening.abort("not today")
    await expect(opened).rejects.toBe("not today")
  })

  it("is what closing does to all", async () => {
    const { source, openRequests } = await stalling()
    const reads = [readSome(source, 0), readSome(source, 100_000)]
    await vi.waitFor(() => expect(openRequests()).toBe(2))
    source.close()
    for (const read of reads) await expect(read).rejects.toMatchObject({ code: "EBADF" })
    await vi.waitFor(() => expect(openRequests()).toBe(0))
    await expect(readSome(source)).rejects.toMatchObject({ code: "EBADF" })
  })
})

describe("a file that changes", () => {
  const STALE = { code: "ESTALE" }

  it.each<[string, (server: HttpServer) => void]>([
    ["another ETag", (server) => (server.headers = { etag: '"v2"' })],
    ["another size", (server) => (server.content = { ...server.content, size: BYTES.length + 1 })],
    [
      "no file any more",
      (server) => {
        server.behaviour = (_, response) => {
          response.writeHead(404).end()
          return true
        }
      },
    ],
    [
      "a smaller file, told by 416",
      (server) => {
        server.behaviour = (_, response) => {
          response.writeHead(416, { "content-range": "bytes */500" }).end()
          return true
        }
      },
    ],
  ])("is ESTALE: %s", async (_, change) => {
    const { server, source } = await serve()
    await expectBytes(source, 0, 1000)
    change(server)
    await expect(readSome(source, 2000)).rejects.toMatchObject(STALE)
    const count = server.requests.length
    // For good: who has seen two versions may mix them.
    server.headers = { etag: '"v1"' }
    server.behaviour = () => false
    await expect(readSome(source, 2000)).rejects.toMatchObject(STALE)
    expect(server.requests).toHaveLength(count)
  })

  it("is told by Last-Modified where there is no strong ETag", async () => {
    const { server, source } = await serve()
    const dated = await (async () => {
      server.headers = { etag: 'W/"1"', "last-modified": "Mon, 05 Oct 2026 10:00:00 GMT" }
      return await httpSource(server.url, QUICK)
    })()
    server.headers = { etag: 'W/"2"', "last-modified": "Mon, 05 Oct 2026 10:00:00 GMT" }
    await expectBytes(dated, 0, 1000)
    server.headers = { etag: 'W/"1"', "last-modified": "Mon, 05 Oct 2026 10:00:01 GMT" }
    await expect(readSome(dated)).rejects.toMatchObject(STALE)
    source.close()
  })

  it("is pinned with the first answer where the size is given", async () => {
    const { server, source } = await serve({ size: BYTES.length })
    await expectBytes(source, 0, 1000)
    server.headers = { etag: '"v2"' }
    await expect(readSome(source)).rejects.toMatchObject(STALE)
  })

  it("may only be an old answer that a cache on the way still has", async () => {
    const { server } = await serve()
    const caches: (RequestCache | undefined)[] = []
    const source = await httpSource(server.url, {
      first: 0,
      fetch: async (url, init) => {
        const answer = await fetch(url, init)
        if (init.method === "HEAD") return answer
        caches.push(init.cache)
        if (init.cache === "reload") return answer
        return new Response(new Uint8Array(1000), {
          status: 206,
          headers: { etag: '"v0"', "content-range": `bytes 0-999/${BYTES.length}` },
        })
      },
    })
    await expectBytes(source, 0, 1000)
    expect(caches).toEqual([undefined, "reload"])
  })

  it("costs the pool its pages of it", async () => {
    const bytes = readFixture("lz4-ztailpacking.erofs")
    const server = await HttpServer.start(bytes)
    const pool = await PagePool.create({ bytes: 4 << 20 })
    const image = await pool.mount(await httpSource(server.url, QUICK))
    const other = await pool.mount(await httpSource((await HttpServer.start(bytes)).url, QUICK))
    const path = "/text-300k"
    await other.readFile(path)
    await image.readdir("/")
    const before = pool.stats().framesUsed
    server.headers = { etag: '"v2"' }
    await expect(image.readFile(path)).rejects.toMatchObject({ ...STALE, path })
    expect(pool.stats().framesUsed).toBeLessThan(before)
    // What is known of the old version is not mixed with the new one, whatever is asked.
    await expect(image.readdir("/")).rejects.toMatchObject(STALE)
    expect(sha256(await other.readFile(path))).toBe(manifestOf("lz4-ztailpacking")[path]?.sha256)
    await image.close()
    await other.close()
  })
})

it("serves an image, and the pool counts what that took", async () => {
  for (const name of ["lz4-ztailpacking", "zstd-ztailpacking"]) {
    const server = await HttpServer.start(readFixture(`${name}.erofs`))
    const pool = await PagePool.create({ bytes: 4 << 20 })
    const image = await pool.mount(await httpSource(server.url, QUICK))
    const manifest = manifestOf(name)
    const files = filesOf(manifest)
    const digests = await Promise.all(files.map(async (path) => sha256(await image.readFile(path))))
    expect(digests).toEqual(files.map((path) => manifest[path]?.sha256))
    expect(pool.stats()).toMatchObject({ requests: server.requests.length, bytesReceived: server.bytes })
    expect(() => image.readFileSync("/nothing")).toThrow(expect.objectContaining({ code: "ENOENT" }))
    await image.close()
    expect(pool.stats()).toMatchObject({ requests: server.requests.length, bytesReceived: server.bytes })
  }
})
