// SPDX-License-Identifier: MIT
// Serves the demo page on this machine: node scripts/serve-demo.js [--port NUMBER]
import { createReadStream, realpathSync } from "node:fs"
import { open } from "node:fs/promises"
import { createServer } from "node:http"
import { extname, join, sep } from "node:path"
import { pipeline } from "node:stream"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("../", import.meta.url))
/** Where each address leads: the first folder that has the file. */
const folders = [
  ["/samples/", join(root, "test/fixtures/images/")],
  ["/", join(root, "build/demo/")],
]
const types = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".map": "application/json",
}
/** Isolation, without which there is no shared memory; and nothing from elsewhere runs here. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
}

/** The open file that an address means; undefined if there is none, or it lies outside of its folder. */
async function fileOf(address) {
  let path
  try {
    path = decodeURIComponent(new URL(address, "http://localhost").pathname)
  } catch {
    return undefined
  }
  if (path.endsWith("/")) path += "index.html"
  if (path.includes("\0") || path.includes("\\")) return undefined
  for (const [prefix, folder] of folders) {
    if (!path.startsWith(prefix)) continue
    try {
      const inside = realpathSync(folder)
      const file = realpathSync(join(folder, path.slice(prefix.length)))
      if (!file.startsWith(inside + sep)) continue
      const handle = await open(file)
      const stats = await handle.stat()
      if (stats.isFile()) return { file, handle, stats }
      await handle.close()
    } catch (error) {
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error
    }
  }
  return undefined
}

/** First and last byte of a Range header; undefined: all; null: cannot be satisfied. Several ranges: all. */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "")
  if (!match || (match[1] === "" && match[2] === "")) return undefined
  const [, from, to] = match
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1)
  if (from !== "" && to !== "" && Number(to) < start) return undefined
  return start < size && start <= end ? { start, end } : null
}

async function answer(request, response) {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end()
    return
  }
  const found = await fileOf(request.url)
  if (!found) {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("Not found\n")
    return
  }
  const { file, handle, stats } = found
  const tag = `"${stats.size.toString(16)}-${stats.mtimeMs.toString(16)}"`
  response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream")
  response.setHeader("Accept-Ranges", "bytes")
  response.setHeader("ETag", tag)
  response.setHeader("Last-Modified", stats.mtime.toUTCString())
  if (request.headers["if-none-match"] === tag) {
    await handle.close()
    response.writeHead(304).end()
    return
  }
  const ifRange = request.headers["if-range"]
  const range =
    ifRange === undefined || ifRange === tag ? rangeOf(request.headers.range, stats.size) : undefined
  if (range === null) {
    await handle.close()
    response.writeHead(416, { "Content-Range": `bytes */${stats.size}` }).end()
    return
  }
  const { start, end } = range ?? { start: 0, end: stats.size - 1 }
  response.setHeader("Content-Length", end - start + 1)
  if (range) response.setHeader("Content-Range", `bytes ${start}-${end}/${stats.size}`)
  response.writeHead(range ? 206 : 200)
  if (request.method === "HEAD" || stats.size === 0) {
    await handle.close()
    response.end()
    return
  }
  // A reader that goes away in the middle is no error of the server.
  pipeline(createReadStream(file, { fd: handle, start, end }), response, () => {})
}

const { values } = parseArgs({ options: { port: { type: "string", short: "p", default: "8080" } } })
const port = Number(values.port)
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`serve-demo: '${values.port}' is no port`)
  process.exit(2)
}
const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(`serve-demo: ${request.url}: ${error.message}`)
    if (!response.headersSent) response.writeHead(500)
    response.end()
  })
})
server.on("error", (error) => {
  const hint = error.code === "EADDRINUSE" ? "; choose another with --port NUMBER" : ""
  console.error(`serve-demo: ${error.message}${hint}`)
  process.exit(1)
})
server.listen(port, "127.0.0.1", () => console.log(`http://localhost:${server.address().port}/`))
