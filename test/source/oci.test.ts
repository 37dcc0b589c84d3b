// SPDX-License-Identifier: MIT
/** Images in registries, against one that misbehaves when it is told to. */
import { describe, expect, it } from "vitest"
import { type OciOptions, ociSource, PagePool } from "../../src/index.js"
import { parseChallenges } from "../../src/source/challenge.js"
import { formatOciReference, parseOciReference } from "../../src/source/oci-reference.js"
import { buildImage, directory, file } from "../support/build-image.js"
import { digestOf, EROFS, FakeRegistry, serve } from "../support/registry.js"
import { sample } from "../support/samples.js"

const image = buildImage(directory({ hello: file("hello world"), big: file(sample("noise", 300_000, 1)) }))

/** No waiting, no patience. */
const quick = { plainHttp: true, retries: 0 } satisfies OciOptions

async function start(): Promise<{ registry: FakeRegistry; reference: string }> {
  const registry = await FakeRegistry.start()
  registry.putImage([registry.putBlob(image)], "latest")
  return { registry, reference: `oci://${registry.host}/team/app` }
}

async function readHello(reference: string, options: OciOptions = {}): Promise<string> {
  const source = await ociSource(reference, { ...quick, ...options })
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const mounted = await pool.mount(source)
  const text = await mounted.readFile("/hello", "utf8")
  await mounted.close()
  return text
}

describe("references", () => {
  const sha256 = `sha256:${"0a".repeat(32)}`
  it.each([
    ["oci://localhost:5000/app", "localhost:5000", "app", "latest", undefined],
    ["oci://R.example.org/a/b-c__d.e:v1.2_x", "r.example.org", "a/b-c__d.e", "v1.2_x", undefined],
    [`oci://[::1]:80/a@${sha256}#3`, "[::1]:80", "a", sha256, "3"],
    [`oci://h/a:tag@${sha256}#${sha256}`, "h", "a", sha256, sha256],
    ["oci://docker.io/busybox", "registry-1.docker.io", "library/busybox", "latest", undefined],
    ["oci://docker.io/me/busybox:1", "registry-1.docker.io", "me/busybox", "1", undefined],
  ])("%s", (text, host, name, version, layer) => {
    const parsed = parseOciReference(text)
    expect(parsed).toEqual({ host, name, version, layer })
    expect(parseOciReference(formatOciReference(parsed))).toEqual(parsed)
  })

  it.each([
    "oci://",
    "oci://host",
    "oci://host/",
    "oci:///name",
    "oci://ho st/name",
    "oci://host/Name",
    "oci://host/a//b",
    "oci://host/../b",
    "oci://host/a:",
    "oci://host/a@sha256:12",
    "oci://host/a@",
    "oci://host/a#x",
    "oci://host/a?b=c",
    "oci://host:port/a",
    `oci://host/${"a".repeat(256)}`,
  ])("not %s", async (text) => {
    await expect(ociSource(text, quick)).rejects.toMatchObject({ code: "EINVAL" })
  })

  it("with credentials are refused without repeating them", async () => {
    const failure = ociSource("oci://user:hunter2@host/a", quick)
    await expect(failure).rejects.toMatchObject({ code: "EINVAL" })
    await expect(failure).rejects.not.toThrow("hunter2")
  })
})

describe("challenges", () => {
  it("are understood, several and quoted ones too", () => {
    const header =
      'Basic realm="a \\"b\\", c" , Bearer realm="https://t/x?y=z",Service=s , scope="a:b:c d", Negotiate'
    expect(parseChallenges(header)).toEqual([
      { scheme: "basic", parameters: new Map([["realm", 'a "b", c']]) },
      {
        scheme: "bearer",
        parameters: new Map([
          ["realm", "https://t/x?y=z"],
          ["service", "s"],
          ["scope", "a:b:c d"],
        ]),
      },
      { scheme: "negotiate", parameters: new Map() },
    ])
    expect(parseChallenges(null)).toEqual([])
    expect(parseChallenges("=,=;")).toEqual([])
  })
})

describe("a layer", () => {
  it("is found by tag and by digest, and read by ranges", async () => {
    const { registry, reference } = await start()
    expect(await readHello(reference)).toBe("hello world")
    const { digest } = registry.putImage([registry.putBlob(image, "application/vnd.erofs")])
    const source = await ociSource(`${reference}@${digest}`, quick)
    expect(source).toMatchObject({
      size: image.length,
      name: `${reference}@${digest}`,
      reference: `${reference}@${digest}`,
      identity: digestOf(image),
      layer: { index: 0, digest: digestOf(image), mediaType: "application/vnd.erofs", size: image.length },
    })
    const blobs = registry.asked.filter(({ url }) => url.includes("/blobs/"))
    expect(blobs.length).toBeGreaterThan(0)
    expect(blobs.every(({ method, headers }) => method === "GET" && headers.range !== undefined)).toBe(true)
    const [first] = registry.asked
    expect(first?.headers.accept).toContain("application/vnd.oci.image.index.v1+json")
    source.close()
    await expect(source.read(new Uint8Array(1), 0, {})).rejects.toMatchObject({ code: "EBADF" })
  })

  it("counts what it cost", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.usesStorage = true
    const source = await ociSource(reference, quick)
    await source.read(new Uint8Array(1000), 0, {})
    const manifest = registry.manifests.get("latest")?.bytes.length as number
    expect(source.stats()).toEqual({ requests: registry.asked.length, bytes: manifest + 1000 })
    source.close()
  })

  it("is the one for the platform", async () => {
    const { registry, reference } = await start()
    const other = buildImage(directory({ hello: file("hello arm64") }))
    const entry = (layer: Uint8Array, platform: object) => ({
      ...registry.putImage([registry.putBlob(layer)]),
      platform,
    })
    const amd64 = entry(image, { os: "linux", architecture: "amd64" })
    const arm64 = entry(other, { os: "linux", architecture: "arm64", variant: "v8" })
    const statement = {
      ...registry.putManifest({ layers: [] }),
      platform: { os: "unknown", architecture: "unknown" },
    }
    const index = { schemaVersion: 2, manifests: [amd64, statement, arm64] }
    registry.putManifest({ ...index, mediaType: "application/vnd.oci.image.index.v1+json" }, "multi")
    expect(await readHello(`${reference}:multi`, { platform: "linux/arm64" })).toBe("hello arm64")
    expect(await readHello(`${reference}:multi`, { platform: "linux/amd64" })).toBe("hello world")
    await expect(readHello(`${reference}:multi`)).rejects.toThrow(
      /has 2 manifests.*linux\/amd64.*linux\/arm64\/v8/,
    )
    await expect(readHello(`${reference}:multi`, { platform: "linux/s390x" })).rejects.toMatchObject({
      code: "EINVAL",
    })
    registry.putManifest({ manifests: [statement, arm64] }, "single")
    expect(await readHello(`${reference}:single`)).toBe("hello arm64")
    // Beside the usual manifest for a platform, one for those who understand EROFS.
    const plain = {
      ...registry.putImage([registry.putBlob(Buffer.from("tar"), "tar")]),
      platform: amd64.platform,
    }
    const native = { ...arm64, platform: { os: "linux", architecture: "amd64", "os.features": ["erofs"] } }
    registry.putManifest({ manifests: [plain, native] }, "both")
    expect(await readHello(`${reference}:both`, { platform: "linux/amd64" })).toBe("hello arm64")
  })

  it("is chosen where there are several", async () => {
    const { registry, reference } = await start()
    const other = buildImage(directory({ hello: file("second") }))
    const layers = [
      registry.putBlob(Buffer.from("tar"), "application/vnd.oci.image.layer.v1.tar"),
      registry.putBlob(image),
      registry.putBlob(other),
    ]
    registry.putImage(layers, "latest")
    const failure = ociSource(reference, quick)
    await expect(failure).rejects.toMatchObject({ code: "EINVAL" })
    await expect(failure).rejects.toThrow(
      `#1 (${digestOf(image)}, ${image.length} bytes), #2 (${digestOf(other)}`,
    )
    expect(await readHello(`${reference}#2`)).toBe("second")
    expect(await readHello(reference, { layer: 1 })).toBe("hello world")
    expect(await readHello(reference, { layer: digestOf(other) })).toBe("second")
    // The option says more than the reference.
    expect(await readHello(`${reference}#2`, { layer: 1 })).toBe("hello world")
    await expect(readHello(`${reference}#0`)).rejects.toThrow("layer 0 is no EROFS layer of the manifest: #1")
    await expect(readHello(`${reference}#9`)).rejects.toMatchObject({ code: "EINVAL" })
    registry.putImage([layers[1] as object, layers[1] as object], "twice")
    expect(await readHello(`${reference}:twice`)).toBe("hello world")
  })

  it("must have the size that the manifest says, and be there when it is read", async () => {
    const { registry, reference } = await start()
    const { digest, size, ...rest } = registry.putBlob(image)
    registry.putImage([{ ...rest, digest, size: size - 4096 }], "short")
    await expect(readHello(`${reference}:short`)).rejects.toMatchObject({ code: "ESTALE" })
    registry.blobs.clear()
    await expect(readHello(reference)).rejects.toMatchObject({
      code: "EIO",
      message: expect.stringContaining("HTTP 404"),
    })
  })

  it("must be there", async () => {
    const { registry, reference } = await start()
    registry.putImage([registry.putBlob(Buffer.from("tar"), "application/x-tar")], "tar")
    await expect(readHello(`${reference}:tar`)).rejects.toThrow("no EROFS layer, but application/x-tar")
    await expect(readHello(`${reference}:none`)).rejects.toMatchObject({
      code: "ENOENT",
      message: expect.stringContaining(`${reference}:none: manifest none: HTTP 404 MANIFEST_UNKNOWN`),
    })
  })
})

describe("manifests", () => {
  it("must be what their digests name", async () => {
    const { registry, reference } = await start()
    const { digest } = registry.putImage([registry.putBlob(image)])
    const manifest = registry.manifests.get(digest) as { bytes: Buffer }
    manifest.bytes = Buffer.concat([manifest.bytes, Buffer.from(" ")])
    await expect(ociSource(`${reference}@${digest}`, quick)).rejects.toMatchObject({ code: "EUCLEAN" })
    registry.behaviour = (_, response) => {
      response.writeHead(200, { "docker-content-digest": `sha256:${"0".repeat(64)}` }).end("{}")
      return true
    }
    await expect(ociSource(reference, quick)).rejects.toMatchObject({ code: "EUCLEAN" })
  })

  it("are verified within indexes too", async () => {
    const { registry, reference } = await start()
    const entry = registry.putImage([registry.putBlob(image)])
    registry.putManifest({ manifests: [entry] }, "index")
    registry.manifests.set(entry.digest, registry.manifests.get("latest") as { type: string; bytes: Buffer })
    expect(await readHello(`${reference}:index`)).toBe("hello world")
    registry.manifests.set(entry.digest, { type: "x", bytes: Buffer.from("{}") })
    await expect(ociSource(`${reference}:index`, quick)).rejects.toMatchObject({ code: "EUCLEAN" })
  })

  it.each([
    ["no JSON", "{", "EIO"],
    ["a list", "[]", "EIO"],
    ["not UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "EIO"],
    ["neither manifest nor index", "{}", "EUCLEAN"],
    ["of the first version", '{"schemaVersion":1,"fsLayers":[]}', "EUCLEAN"],
    ["with layers of nothing", '{"layers":[null]}', "EUCLEAN"],
    ["with a layer without digest", `{"layers":[{"mediaType":"${EROFS}","size":1}]}`, "EUCLEAN"],
    [
      "with a digest that leads elsewhere",
      `{"layers":[{"mediaType":"${EROFS}","size":1,"digest":"../x"}]}`,
      "EUCLEAN",
    ],
    [
      "with a size that is none",
      `{"layers":[{"mediaType":"${EROFS}","size":-1,"digest":"sha256:${"0".repeat(64)}"}]}`,
      "EUCLEAN",
    ],
    ["without layers", '{"layers":[]}', "EINVAL"],
    ["an index of nothing", '{"manifests":[]}', "EINVAL"],
  ])("that are %s are refused", async (_, body, code) => {
    const { registry, reference } = await start()
    registry.manifests.set("latest", { type: "application/json", bytes: Buffer.from(body) })
    await expect(ociSource(reference, quick)).rejects.toMatchObject({ code })
  })

  it("may not be larger than 4 MiB, whether they say so or not", async () => {
    const { registry, reference } = await start()
    registry.manifests.set("latest", { type: "x", bytes: Buffer.alloc((4 << 20) + 1, " ") })
    await expect(ociSource(reference, quick)).rejects.toThrow("longer than 4194304 bytes")
    let sent = 0
    registry.behaviour = (_, response) => {
      const more = (): void => {
        if (response.destroyed) return
        sent += 1 << 20
        response.write(Buffer.alloc(1 << 20, " "), more)
      }
      more()
      return true
    }
    await expect(ociSource(reference, quick)).rejects.toThrow("longer than 4194304 bytes")
    expect(sent).toBeLessThan(64 << 20)
  })

  it("that lie within each other without end are given up", async () => {
    const { registry, reference } = await start()
    let entry = registry.putImage([registry.putBlob(image)])
    for (let depth = 0; depth < 4; depth++)
      entry = registry.putManifest({ depth, manifests: [entry] }, `depth${depth}`)
    expect(await readHello(`${reference}:depth2`)).toBe("hello world")
    await expect(readHello(`${reference}:depth3`)).rejects.toMatchObject({ code: "EUCLEAN" })
  })

  it("are asked for again where that may help", async () => {
    const { registry, reference } = await start()
    let failures = 2
    registry.behaviour = (_, response) => {
      if (failures-- <= 0) return false
      response.writeHead(503).end()
      return true
    }
    expect(await readHello(reference, { retries: 2, retryDelay: 1 })).toBe("hello world")
    failures = 2
    await expect(readHello(reference, { retries: 1, retryDelay: 1 })).rejects.toThrow("HTTP 503")
  })

  it("are waited for no longer than wanted", async () => {
    const { registry, reference } = await start()
    registry.behaviour = () => true
    await expect(readHello(reference, { timeout: 20 })).rejects.toThrow("for 20 ms")
    const reason = new Error("called off")
    const controller = new AbortController()
    const waiting = ociSource(reference, { ...quick, signal: controller.signal })
    setTimeout(() => controller.abort(reason), 10)
    await expect(waiting).rejects.toBe(reason)
    await expect(ociSource(reference, { ...quick, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe("tokens", () => {
  it("are fetched as the registry asks, once, and used until they end", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    expect(await readHello(reference)).toBe("hello world")
    const [asked, ...others] = registry.to("tokens")
    expect(others).toEqual([])
    const query = new URL(asked?.url ?? "", "http://tokens").searchParams
    expect([...query]).toEqual([
      ["a", "b"],
      ["service", "here"],
      ["scope", "repository:team/app:pull"],
    ])
    expect(asked?.headers.authorization).toBeUndefined()
  })

  it("are renewed when they have ended, early or late, by one request for all who wait", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    const source = await ociSource(reference, quick)
    // The registry forgets it before its time.
    registry.tokens.clear()
    const read = (offset: number): Promise<number> => source.read(new Uint8Array(10), offset, {})
    expect(await Promise.all([read(0), read(100_000), read(200_000)])).toEqual([10, 10, 10])
    expect(registry.to("tokens").length).toBe(2)
    // It ends by what is told of it: nothing is asked with it any more.
    registry.tokens.clear()
    registry.tokenAnswer = { expires_in: 0.002 }
    await read(0)
    await new Promise((resolve) => setTimeout(resolve, 10))
    registry.asked.length = 0
    await read(0)
    expect(registry.asked.map(({ to }) => to)).toEqual(["tokens", "registry"])
    source.close()
  })

  it("may be called otherwise", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.tokens.add("other")
    registry.tokenAnswer = { token: undefined, access_token: "other" }
    expect(await readHello(reference)).toBe("hello world")
  })

  it("are given for credentials", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.user = "us\u00e9r:pass:word"
    const credentials = { username: "us\u00e9r", password: "pass:word" }
    expect(await readHello(reference, { credentials })).toBe("hello world")
    expect(registry.to("registry").every(({ headers }) => !headers.authorization?.startsWith("Basic"))).toBe(
      true,
    )
    const wrong = readHello(reference, { credentials: { username: "user", password: "wrong" } })
    await expect(wrong).rejects.toMatchObject({
      code: "EACCES",
      message: expect.stringContaining("gives no token"),
    })
    await expect(wrong).rejects.not.toThrow("wrong")
  })

  it("that are refused all the same end it: no loop", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.tokenAnswer = { token: "useless" }
    await expect(readHello(reference, { retries: 4 })).rejects.toMatchObject({ code: "EACCES" })
    expect(registry.asked.map(({ to }) => to)).toEqual(["registry", "tokens", "registry"])
  })

  it.each([
    ["no JSON", "x"],
    ["no token", "{}"],
    ["a token that is none", '{"token":1}'],
    ["a token that would be a header of its own", '{"token":"a\\r\\nb: c"}'],
    ["much too much", `{"token":"${"a".repeat(300_000)}"}`],
  ])("must be tokens: %s", async (_, body) => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.behaviour = ({ to }, response) => {
      if (to !== "tokens") return false
      response.end(body)
      return true
    }
    await expect(readHello(reference)).rejects.toMatchObject({ code: "EIO" })
  })

  it("come from a safe place", async () => {
    const { registry, reference } = await start()
    for (const realm of ["ftp://x/", "nonsense", "", "http://user:pw@127.0.0.1/"]) {
      registry.behaviour = (_, response) => {
        response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end()
        return true
      }
      await expect(readHello(reference)).rejects.toMatchObject({ code: "EIO" })
    }
    // A registry over HTTPS may not send credentials into the open; here its requests are answered without a network.
    const asked: string[] = []
    const fetch = async (url: string): Promise<Response> => {
      asked.push(url)
      return new Response(null, {
        status: 401,
        headers: { "www-authenticate": 'Bearer realm="http://evil.example/"' },
      })
    }
    const credentials = { username: "u", password: "p" }
    await expect(ociSource("oci://r.example/a", { fetch, credentials })).rejects.toThrow(
      "no safe place for tokens",
    )
    expect(asked).toEqual(["https://r.example/v2/a/manifests/latest"])
  })

  it("are asked for with no more than leave to pull", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.behaviour = ({ to, headers }, response) => {
      if (to !== "registry" || headers.authorization !== undefined) return false
      const scope = "repository:a/b:pull,push repository:c:delete aws"
      const realm = `${registry.origins.tokens}/`
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",scope="${scope}"` }).end()
      return true
    }
    await readHello(reference)
    expect(new URL(registry.to("tokens")[0]?.url ?? "", "http://x").searchParams.getAll("scope")).toEqual([
      "repository:a/b:pull",
      "repository:c:pull",
      "aws",
    ])
  })
})

describe("credentials", () => {
  const credentials = { username: "user", password: "secret" }

  it("are sent where the registry asks for them, and not before", async () => {
    const { registry, reference } = await start()
    registry.access = "basic"
    expect(await readHello(reference, { credentials })).toBe("hello world")
    expect(registry.asked[0]?.headers.authorization).toBeUndefined()
    await expect(readHello(reference)).rejects.toMatchObject({ code: "EACCES" })
    registry.user = "other:secret"
    registry.asked.length = 0
    await expect(readHello(reference, { credentials, retries: 4 })).rejects.toMatchObject({ code: "EACCES" })
    expect(registry.asked.length).toBe(2)
  })

  it("are not sent over plain HTTP to other machines", async () => {
    const fetch = async (): Promise<Response> =>
      new Response(null, { status: 401, headers: { "www-authenticate": "Basic" } })
    const asked = ociSource("oci://registry.example/a", { fetch, credentials, plainHttp: true })
    await expect(asked).rejects.toThrow("not sent to registry.example over plain HTTP")
  })

  it("are no help where the registry asks for something else", async () => {
    const { registry, reference } = await start()
    registry.behaviour = (_, response) => {
      response.writeHead(401, { "www-authenticate": "Negotiate" }).end()
      return true
    }
    await expect(readHello(reference, { credentials })).rejects.toMatchObject({ code: "EACCES" })
  })
})

describe("redirects", () => {
  it("are followed without what is meant for the registry, and remembered", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    registry.usesStorage = true
    const source = await ociSource(reference, { ...quick, headers: { "x-secret": "s" } })
    for (const offset of [0, 100_000, 200_000]) await source.read(new Uint8Array(10), offset, {})
    source.close()
    expect(registry.to("storage").length).toBe(3)
    for (const { headers } of registry.to("storage")) {
      expect([headers.authorization, headers["x-secret"], headers.range !== undefined]).toEqual([
        undefined,
        undefined,
        true,
      ])
    }
    for (const { headers } of registry.to("registry")) expect(headers["x-secret"]).toBe("s")
    for (const { headers } of registry.to("tokens")) expect(headers["x-secret"]).toBeUndefined()
    expect(registry.to("registry").filter(({ url }) => url.includes("/blobs/")).length).toBe(1)
  })

  it("that have expired are asked for again", async () => {
    const { registry, reference } = await start()
    registry.usesStorage = true
    const source = await ociSource(reference, quick)
    await source.read(new Uint8Array(10), 0, {})
    registry.signatures.clear()
    const into = new Uint8Array(10)
    expect(await source.read(into, 100_000, {})).toBe(10)
    expect(into).toEqual(image.slice(100_000, 100_010))
    expect(registry.to("registry").filter(({ url }) => url.includes("/blobs/")).length).toBe(2)
    source.close()
  })

  it("that storage refuses are no reason to tell it who we are", async () => {
    const { registry, reference } = await start()
    const realm = await serve((_, response) => void response.end('{"token":"x"}'))
    registry.usesStorage = true
    registry.behaviour = ({ to }, response) => {
      if (to !== "storage") return false
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end()
      return true
    }
    const source = await ociSource(reference, { ...quick, credentials: { username: "u", password: "p" } })
    await expect(source.read(new Uint8Array(10), 0, {})).rejects.toMatchObject({ code: "EIO" })
    expect(registry.to("tokens")).toEqual([])
    source.close()
  })

  it("of tokens lose the credentials too", async () => {
    const { registry, reference } = await start()
    registry.access = "token"
    const seen: (string | undefined)[] = []
    const elsewhere = await serve((request, response) => {
      seen.push(request.headers.authorization)
      response.end('{"token":"good"}')
    })
    registry.tokens.add("good")
    registry.behaviour = ({ to }, response) => {
      if (to !== "tokens") return false
      response.writeHead(302, { location: elsewhere }).end()
      return true
    }
    expect(await readHello(reference, { credentials: { username: "user", password: "secret" } })).toBe(
      "hello world",
    )
    expect(seen).toEqual([undefined])
  })

  it.each([
    ["without end", (origin: string) => `${origin}/v2/team/app/manifests/latest`, "more than 5 redirects"],
    ["to nowhere", () => "http://", "something else than a web server"],
    ["to a file", () => "file:///etc/passwd", "something else than a web server"],
  ])("%s end it", async (_, location, message) => {
    const { registry, reference } = await start()
    registry.behaviour = (_, response) => {
      response.writeHead(307, { location: location(registry.origins.registry) }).end()
      return true
    }
    await expect(ociSource(reference, quick)).rejects.toThrow(message)
  })

  it("from HTTPS to plain HTTP are not followed", async () => {
    const fetch = async (): Promise<Response> =>
      new Response(null, { status: 307, headers: { location: "http://storage.example/x" } })
    await expect(ociSource("oci://r.example/a", { fetch })).rejects.toThrow("from HTTPS to plain HTTP")
  })

  it("that a browser hides are left to it", async () => {
    const { registry, reference } = await start()
    registry.usesStorage = true
    const modes: (RequestRedirect | undefined)[] = []
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      modes.push(init.redirect)
      const response = await globalThis.fetch(url, init)
      if (init.redirect !== "manual" || response.status < 300 || response.status > 399) return response
      return Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" })
    }
    const source = await ociSource(reference, { ...quick, fetch })
    for (const offset of [0, 100_000]) await source.read(new Uint8Array(10), offset, {})
    expect(modes).toEqual(["manual", "manual", undefined, undefined])
    // Where the browser was led to is remembered all the same.
    expect(registry.to("registry").filter(({ url }) => url.includes("/blobs/")).length).toBe(2)
    source.close()
  })
})
