// SPDX-License-Identifier: MIT
/** A registry on loopback, with a storage and a place for tokens at origins of their own, that does as it is told. */
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json"
export const INDEX = "application/vnd.oci.image.index.v1+json"
export const EROFS = "application/vnd.erofs.layer.v1"

export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/** One request that came. */
export interface Asked {
  to: "registry" | "storage" | "tokens"
  method: string
  url: string
  headers: IncomingMessage["headers"]
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Listens; goes away with the test. Answers the origin. */
export async function serve(handler: Handler): Promise<string> {
  const server: Server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The registry. All of it may be changed between requests. */
export class FakeRegistry {
  readonly asked: Asked[] = []
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>()
  readonly blobs = new Map<string, Uint8Array>()
  /** Who may read: anybody, whoever has a token, or whoever knows user and password. */
  access: "all" | "token" | "basic" = "all"
  user = "user:secret"
  /** Tokens that are good. Each that is given is added. */
  readonly tokens = new Set<string>()
  /** What is given besides the token. */
  tokenAnswer: object = {}
  /** Whether blobs lie in the storage. */
  usesStorage = false
  /** Signatures that the storage accepts. */
  readonly signatures = new Set<string>()
  /** Answers instead, if it answers true. */
  behaviour: (asked: Asked, response: ServerResponse) => boolean = () => false
  origins: Record<Asked["to"], string> = { registry: "", storage: "", tokens: "" }
  #count = 0

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry()
    for (const to of ["registry", "storage", "tokens"] as const) {
      registry.origins[to] = await serve((request, response) => registry.#answer(to, request, response))
    }
    return registry
  }

  get host(): string {
    return this.origins.registry.slice("http://".length)
  }

  /** Requests to one of the three. */
  to(which: Asked["to"]): Asked[] {
    return this.asked.filter(({ to }) => to === which)
  }

  /** Puts a blob; answers its descriptor. */
  putBlob(bytes: Uint8Array, mediaType = EROFS): { mediaType: string; digest: string; size: number } {
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }

  /** Puts a manifest or index under its digest, and a tag; answers its descriptor. */
  putManifest(content: object, tag?: string): { mediaType: string; digest: string; size: number } {
    const bytes = Buffer.from(JSON.stringify(content))
    const mediaType = "manifests" in content ? INDEX : MANIFEST
    const digest = digestOf(bytes)
    for (const name of [digest, ...(tag === undefined ? [] : [tag])]) {
      this.manifests.set(name, { type: mediaType, bytes })
    }
    return { mediaType, digest, size: bytes.length }
  }

  /** Puts a manifest with such layers under the tag. */
  putImage(layers: readonly object[], tag?: string): { mediaType: string; digest: string; size: number } {
    return this.putManifest({ schemaVersion: 2, mediaType: MANIFEST, layers }, tag)
  }

  #answer(to: Asked["to"], request: IncomingMessage, response: ServerResponse): void {
    const asked = { to, method: request.method ?? "", url: request.url ?? "", headers: request.headers }
    this.asked.push(asked)
    if (this.behaviour(asked, response)) return
    if (to === "tokens") this.#giveToken(asked, response)
    else if (to === "storage") this.#giveStored(asked, response)
    else this.#give(asked, response)
  }

  #give({ url, headers }: Asked, response: ServerResponse): void {
    if (!this.#mayRead(headers.authorization)) {
      const bearer = `Bearer realm="${this.origins.tokens}/token?a=b",service="here",scope="repository:team/app:pull"`
      const basic = 'Basic realm="users, \\"all\\" of them"'
      response.writeHead(401, { "www-authenticate": this.access === "token" ? bearer : basic }).end()
      return
    }
    const [, kind, version = ""] = /^\/v2\/team\/app\/(manifests|blobs)\/([^?]+)$/.exec(url) ?? []
    if (kind === "manifests") {
      const manifest = this.manifests.get(version)
      if (!manifest) {
        response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}')
        return
      }
      response.writeHead(200, { "content-type": manifest.type }).end(manifest.bytes)
      return
    }
    if (this.usesStorage) {
      const signature = `s${++this.#count}`
      this.signatures.add(signature)
      response.writeHead(307, { location: `${this.origins.storage}/${version}?signature=${signature}` }).end()
      return
    }
    this.#giveBytes(this.blobs.get(version), headers, response)
  }

  #giveStored({ url, headers }: Asked, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, "http://storage")
    // As object stores do: two ways to say who one is are one too many.
    if (headers.authorization !== undefined) response.writeHead(400).end()
    else if (!this.signatures.has(searchParams.get("signature") ?? "")) response.writeHead(403).end()
    else this.#giveBytes(this.blobs.get(pathname.slice(1)), headers, response)
  }

  #giveBytes(bytes: Uint8Array | undefined, headers: Asked["headers"], response: ServerResponse): void {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? []
    if (!bytes) {
      response.writeHead(404).end()
      return
    }
    if (first === undefined) {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes)
      return
    }
    const piece = bytes.subarray(Number(first), Number(last) + 1)
    const range = `bytes ${first}-${Number(first) + piece.length - 1}/${bytes.length}`
    response.writeHead(206, { "content-range": range, "content-length": piece.length }).end(piece)
  }

  #giveToken({ headers }: Asked, response: ServerResponse): void {
    const basic = `Basic ${Buffer.from(this.user).toString("base64")}`
    if (headers.authorization !== undefined && headers.authorization !== basic) {
      response.writeHead(401).end()
      return
    }
    const token = `t${++this.#count}`
    this.tokens.add(token)
    response.end(JSON.stringify({ token, ...this.tokenAnswer }))
  }

  #mayRead(authorization: string | undefined): boolean {
    if (this.access === "all") return true
    if (this.access === "basic") {
      return authorization === `Basic ${Buffer.from(this.user).toString("base64")}`
    }
    return (
      authorization?.startsWith("Bearer ") === true && this.tokens.has(authorization.slice("Bearer ".length))
    )
  }
}
