// SPDX-License-Identifier: MIT
/** Docker's registry server on loopback, if it is installed, and a place that gives the tokens it wants. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto"
import { createReadStream, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { scratch } from "./cli.js"
import { digestOf, serve } from "./registry.js"

/** Whether the server is there: `apt-get install docker-registry`. */
export const hasDockerRegistry = spawnSync("docker-registry", ["--version"]).error === undefined

/** Milliseconds for the server to start. */
const PATIENCE = 20_000

/** Starts the server; `config` is YAML besides storage and port. Answers its host. */
export async function startDockerRegistry(folder: string, config = ""): Promise<string> {
  const path = join(folder, "config.yml")
  const data = join(folder, "data")
  const base = `version: 0.1\nlog: {level: info}\nhttp: {addr: "127.0.0.1:0", secret: x}\n`
  const storage = `storage:\n  filesystem: {rootdirectory: ${JSON.stringify(data)}}\n`
  writeFileSync(path, base + storage + config)
  const server = spawn("docker-registry", ["serve", path], { stdio: ["ignore", "ignore", "pipe"] })
  onTestFinished(() => void server.kill("SIGKILL"))
  return await hostOf(server)
}

/** Where the server says that it listens. */
function hostOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ""
    const timer = setTimeout(() => reject(new Error(`docker-registry does not start: ${log}`)), PATIENCE)
    server.stderr?.on("data", (text: Buffer) => {
      log += text.toString()
      const [, host] = /listening on (127\.0\.0\.1:\d+)/.exec(log) ?? []
      if (host === undefined) return
      clearTimeout(timer)
      resolve(host)
    })
    server.on("exit", (code) => reject(new Error(`docker-registry ended with ${code}: ${log}`)))
  })
}

/** Pushes to a repository as the distribution specification says. */
export class Pusher {
  readonly #base: string
  readonly #headers: Record<string, string>

  constructor(host: string, repository: string, authorization?: string) {
    this.#base = `http://${host}/v2/${repository}`
    this.#headers = authorization === undefined ? {} : { authorization }
  }

  /** Pushes a blob; answers its descriptor. */
  async blob(bytes: Uint8Array<ArrayBuffer>, mediaType: string) {
    const begun = await this.#send("POST", `${this.#base}/blobs/uploads/`, 202)
    const place = new URL(begun.headers.get("location") as string, this.#base)
    const digest = digestOf(bytes)
    place.searchParams.set("digest", digest)
    await this.#send("PUT", place.href, 201, bytes, "application/octet-stream")
    return { mediaType, digest, size: bytes.length }
  }

  /** Pushes a manifest or index under a tag; answers its descriptor. */
  async manifest(content: { mediaType: string }, tag: string) {
    const bytes = Buffer.from(JSON.stringify(content))
    await this.#send("PUT", `${this.#base}/manifests/${tag}`, 201, bytes, content.mediaType)
    return { mediaType: content.mediaType, digest: digestOf(bytes), size: bytes.length }
  }

  async #send(
    method: string,
    url: string,
    status: number,
    body?: Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<Response> {
    const headers = { ...this.#headers, ...(type !== undefined && { "content-type": type }) }
    const response = await fetch(url, { method, headers, ...(body && { body }) })
    if (response.status === status) return response
    throw new Error(`${method} ${url}: HTTP ${response.status}: ${await response.text()}`)
  }
}

/** A folder served by ranges: what a registry redirects to. `seen` are the headers that came. */
export async function serveFolder(folder: string, seen: Record<string, unknown>[]): Promise<string> {
  return await serve((request, response) => {
    seen.push(request.headers)
    const path = join(folder, decodeURIComponent(new URL(request.url ?? "", "http://x").pathname))
    const { size } = statSync(path)
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []
    const start = Number(first ?? 0)
    const end = Math.min(Number(last ?? size - 1), size - 1)
    const range = `bytes ${start}-${end}/${size}`
    response.writeHead(first === undefined ? 200 : 206, {
      "content-length": end - start + 1,
      ...(first !== undefined && { "content-range": range }),
    })
    createReadStream(path, { start, end }).pipe(response)
  })
}

/** Gives tokens to whoever knows user and password, and leave to push to no one; see {@link token}. */
export class TokenServer {
  readonly issuer = "erofs-wasm tests"
  readonly service = "test registry"
  /** Scopes that were asked for. */
  readonly asked: string[][] = []
  origin = ""
  readonly #key: KeyObject
  readonly #keyId: string
  readonly #certificate: string

  private constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const spki = publicKey.export({ type: "spki", format: "der" })
    this.#key = privateKey
    this.#keyId = keyIdOf(spki)
    this.#certificate = join(scratch(), "token.crt")
    writeFileSync(this.#certificate, certificateOf(spki, privateKey))
  }

  static async start(authorization: string): Promise<TokenServer> {
    const server = new TokenServer()
    server.origin = await serve((request, response) => {
      if (request.headers.authorization !== authorization) {
        response.writeHead(401).end()
        return
      }
      const { searchParams } = new URL(request.url ?? "", "http://x")
      server.asked.push(searchParams.getAll("scope"))
      response.end(JSON.stringify({ token: server.token(["pull"]), expires_in: 300 }))
    })
    return server
  }

  /** How a registry is told to want these tokens. */
  get config(): string {
    const token = {
      realm: `${this.origin}/token`,
      service: this.service,
      issuer: this.issuer,
      rootcertbundle: this.#certificate,
    }
    return `auth:\n  token: ${JSON.stringify(token)}\n`
  }

  /** A token for the repository team/app. */
  token(actions: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000)
    const header = { typ: "JWT", alg: "ES256", kid: this.#keyId }
    const access = [{ type: "repository", name: "team/app", actions }]
    const times = { iat: now, nbf: now - 60, exp: now + 300 }
    const claims = { iss: this.issuer, sub: "user", aud: this.service, jti: randomUUID(), access, ...times }
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url")
    const text = `${encode(header)}.${encode(claims)}`
    const signature = sign("sha256", Buffer.from(text), { key: this.#key, dsaEncoding: "ieee-p1363" })
    return `${text}.${signature.toString("base64url")}`
  }
}

/** How the registry names keys: 30 bytes of the digest in base32, four characters at a time. */
function keyIdOf(spki: Buffer): string {
  const bits = [...createHash("sha256").update(spki).digest().subarray(0, 30)]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("")
  const letters = (bits.match(/.{5}/g) as string[]).map(
    (five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(five, 2)],
  )
  return (letters.join("").match(/.{4}/g) as string[]).join(":")
}

/** A certificate of the first version for a key, signed by itself, in PEM. */
function certificateOf(spki: Buffer, key: KeyObject): string {
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts)
    const { length } = content
    const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
    return Buffer.concat([Buffer.from([tag, ...head]), content])
  }
  const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
  // ecdsa-with-SHA256
  const algorithm = sequence(der(0x06, Buffer.from("2a8648ce3d040302", "hex")))
  const validity = sequence(der(0x17, Buffer.from("200101000000Z")), der(0x17, Buffer.from("491231235959Z")))
  const noName = sequence()
  const body = sequence(der(0x02, Buffer.from([1])), algorithm, noName, validity, noName, spki)
  const signature = der(0x03, Buffer.from([0]), sign("sha256", body, key))
  const lines = sequence(body, algorithm, signature)
    .toString("base64")
    .match(/.{1,64}/g) as string[]
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`
}
