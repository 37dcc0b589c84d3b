// SPDX-License-Identifier: MIT
/** A static web server on loopback, for tests with real pages. */

import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"

/** Headers that make a page cross-origin isolated: it may have shared memory. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
}

/** What a server answers with. */
export interface Site {
  /** Folders by the path that they appear under, with slashes around: `{ "/": "...", "/dist/": "..." }`. */
  folders?: Record<string, string>
  /** Pages and scripts by path. */
  pages?: Record<string, string>
  /** Headers of every answer. */
  headers?: Record<string, string>
}

/** A server under way. */
export interface WebServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string
  /** Paths that were asked for, in order. */
  readonly requests: string[]
  close(): Promise<void>
}

/** Serves a site on a free port of 127.0.0.1. */
export async function serve({ folders = {}, pages = {}, headers = {} }: Site): Promise<WebServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = pathOf(request)
    requests.push(path)
    const body = pages[path] ?? readBelow(folders, path)
    const type = TYPES[extname(path)] ?? (path.endsWith("/") ? TYPES[".html"] : undefined)
    response.writeHead(body === undefined ? 404 : 200, {
      "Content-Type": type ?? "application/octet-stream",
      ...headers,
    })
    response.end(body ?? `no ${path}`)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { origin: `http://127.0.0.1:${port}`, requests, close, [Symbol.asyncDispose]: close }
}

function pathOf(request: IncomingMessage): string {
  return decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname)
}

/** The file that a path names; undefined if there is none. The URL parser has resolved `..` already. */
function readBelow(folders: Record<string, string>, path: string): Uint8Array | undefined {
  const prefixes = Object.keys(folders).filter((prefix) => path.startsWith(prefix))
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0]
  if (prefix === undefined) return undefined
  const file = normalize(path.slice(prefix.length))
  if (file.startsWith("..")) return undefined
  try {
    return readFileSync(join(folders[prefix] as string, file === "." ? "index.html" : file))
  } catch {
    return undefined
  }
}
