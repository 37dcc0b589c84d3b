// SPDX-License-Identifier: MIT
/** A web server on loopback that counts what it is asked for, and misbehaves when it is told to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

/** One request that came. */
export interface LoggedRequest {
  method: string
  /** Bytes asked for, the last one included; undefined: all. */
  range: { first: number; last: number } | undefined
  headers: IncomingMessage["headers"]
  /** Bytes of the body that were written. */
  sent: number
  /** Whether the client went away before the answer was complete. */
  isCutOff: boolean
}

/** Answers one request in a way of its own; false: as a good server does. The server has logged the request already. */
export type Behaviour = (
  request: LoggedRequest,
  response: ServerResponse,
  server: HttpServer,
) => boolean | Promise<boolean>

/** What is served. */
export interface Served {
  size: number
  /** Fills `target` with the bytes from `offset` on. */
  read(target: Uint8Array, offset: number): void
}

/** Bytes as something that can be served. */
export function served(bytes: Uint8Array): Served {
  return {
    size: bytes.length,
    read: (target, offset) => target.set(bytes.subarray(offset, offset + target.length)),
  }
}

/** A server of one file. Goes away with the test. */
export class HttpServer {
  content: Served
  /** Headers of every good answer. */
  headers: Record<string, string> = { etag: '"v1"' }
  behaviour: Behaviour = () => false
  readonly requests: LoggedRequest[] = []
  /** Requests that were under way at the same time, at most. */
  mostAtOnce = 0
  #atOnce = 0
  readonly #server: Server

  private constructor(content: Served) {
    this.content = content
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(content: Served | Uint8Array): Promise<HttpServer> {
    const server = new HttpServer(content instanceof Uint8Array ? served(content) : content)
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => server.stop())
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/image.erofs`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Requests for bytes, without those for the size. */
  get gets(): LoggedRequest[] {
    return this.requests.filter(({ method }) => method === "GET")
  }

  /** Bytes of all bodies. */
  get bytes(): number {
    return this.requests.reduce((sum, { sent }) => sum + sent, 0)
  }

  /** Bytes `first` to `last` of the file. */
  slice(first: number, last: number): Buffer {
    const bytes = Buffer.alloc(last - first + 1)
    this.content.read(bytes, first)
    return bytes
  }

  /** Headers of a good answer to a range. */
  rangeHeaders({ first, last }: { first: number; last: number }): Record<string, string> {
    return {
      ...this.headers,
      "content-range": `bytes ${first}-${last}/${this.content.size}`,
      "content-length": String(last - first + 1),
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? []
    const end = this.content.size - 1
    const logged: LoggedRequest = {
      method: request.method ?? "",
      range: first ? { first: Number(first), last: last ? Math.min(Number(last), end) : end } : undefined,
      headers: request.headers,
      sent: 0,
      isCutOff: false,
    }
    this.requests.push(logged)
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
    response.on("finish", () => this.#atOnce--)
    response.on("close", () => {
      if (!response.writableFinished) this.#atOnce--
      logged.isCutOff = !response.writableFinished
    })
    count(response, logged)
    if (await this.behaviour(logged, response, this)) return
    this.answerWell(logged, response)
  }

  /** What a good server does. */
  answerWell({ method, range }: LoggedRequest, response: ServerResponse): void {
    const { size } = this.content
    if (method === "HEAD") {
      response.writeHead(200, { ...this.headers, "content-length": String(size) }).end()
    } else if (!range) {
      response
        .writeHead(200, { ...this.headers, "content-length": String(size) })
        .end(this.slice(0, size - 1))
    } else if (range.first >= size) {
      response.writeHead(416, { ...this.headers, "content-range": `bytes */${size}` }).end()
    } else {
      response.writeHead(206, this.rangeHeaders(range)).end(this.slice(range.first, range.last))
    }
  }
}

/** Counts the bytes of a body as they are written. */
function count(response: ServerResponse, logged: LoggedRequest): void {
  const { write, end } = response
  const add = (piece: unknown): void => {
    if (piece instanceof Uint8Array) logged.sent += piece.length
  }
  response.write = ((piece: unknown, ...rest: unknown[]) => {
    add(piece)
    return (write as (...all: unknown[]) => boolean).call(response, piece, ...rest)
  }) as typeof write
  response.end = ((piece: unknown, ...rest: unknown[]) => {
    add(piece)
    return (end as (...all: unknown[]) => ServerResponse).call(response, piece, ...rest)
  }) as typeof end
}
