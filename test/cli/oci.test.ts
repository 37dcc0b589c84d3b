// SPDX-License-Identifier: MIT
/** Images in registries on the command line. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "vitest"
import { buildImage, directory, file } from "../support/build-image.js"
import { cli, scratch } from "../support/cli.js"
import { FakeRegistry } from "../support/registry.js"

const image = buildImage(directory({ hello: file("hello world") }))

async function start(): Promise<{ registry: FakeRegistry; reference: string }> {
  // Not what the user who runs the tests has logged in to.
  vi.stubEnv("REGISTRY_AUTH_FILE", "")
  vi.stubEnv("XDG_RUNTIME_DIR", "")
  vi.stubEnv("XDG_CONFIG_HOME", "")
  vi.stubEnv("DOCKER_CONFIG", scratch())
  const registry = await FakeRegistry.start()
  registry.putImage([registry.putBlob(image)], "latest")
  return { registry, reference: `oci://${registry.host}/team/app` }
}

/** What a login writes. */
const login = (key: string, auth = "user:secret"): string =>
  JSON.stringify({ auths: { other: {}, [key]: { auth: Buffer.from(auth).toString("base64") } } })

afterEach(() => vi.unstubAllEnvs())

describe("commands", () => {
  it("read images in registries", async () => {
    const { reference } = await start()
    const { code, stdout, stderr } = await cli(["cat", "--plain-http", reference, "/hello"])
    expect([code, stdout.toString(), stderr]).toEqual([0, "hello world", ""])
    expect((await cli(["tar", "--plain-http", `${reference}:latest#0`])).code).toBe(0)
  })

  it("say what is wrong with them", async () => {
    const { registry, reference } = await start()
    const run = async (...argv: string[]): Promise<[number, string]> => {
      const { code, stderr } = await cli(["ls", ...argv])
      return [code, stderr]
    }
    expect(await run("--plain-http", `${reference}:none`)).toEqual([
      1,
      `erofs-wasm ls: ${reference}:none: manifest none: HTTP 404 MANIFEST_UNKNOWN (ENOENT)\n`,
    ])
    expect((await run("oci://nonsense"))[1]).toContain(
      "is no name of an image in a registry: oci://HOST/NAME:TAG",
    )
    const entry = (architecture: string) => ({
      ...registry.putImage([registry.putBlob(image)]),
      platform: { os: "linux", architecture },
    })
    registry.putManifest({ manifests: [entry("amd64"), entry("arm64")] }, "multi")
    expect((await run("--plain-http", `${reference}:multi`))[1]).toContain(
      "a platform or a digest has to choose",
    )
    expect(await run("--plain-http", "--platform", "linux/arm64", `${reference}:multi`)).toEqual([0, ""])
  })

  it.each([
    ["DOCKER_CONFIG", "config.json", ""],
    ["XDG_RUNTIME_DIR", "containers/auth.json", ""],
    ["XDG_CONFIG_HOME", "containers/auth.json", ""],
    ["REGISTRY_AUTH_FILE", "mine.json", "mine.json"],
  ])("take what a login wrote down, from %s", async (variable, path, value) => {
    const { registry, reference } = await start()
    registry.access = "basic"
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 1 })
    const folder = scratch()
    mkdirSync(join(folder, "containers"))
    writeFileSync(join(folder, path), login(`https://${registry.host}/v1/`))
    // Docker's own directory is the only place that is looked at where it is named.
    if (variable.startsWith("XDG")) vi.stubEnv("DOCKER_CONFIG", "")
    vi.stubEnv(variable, join(folder, value))
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0, stderr: "" })
  })

  it.each([
    ["REGISTRY_AUTH_FILE", "nobody.json"],
    ["DOCKER_CONFIG", ""],
  ])("look nowhere else where %s is set", async (variable, value) => {
    const { registry, reference } = await start()
    registry.access = "basic"
    const folder = scratch()
    mkdirSync(join(folder, "containers"))
    writeFileSync(join(folder, "containers", "auth.json"), login(registry.host))
    vi.stubEnv("DOCKER_CONFIG", "")
    vi.stubEnv("XDG_RUNTIME_DIR", folder)
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0, stderr: "" })
    const other = scratch()
    writeFileSync(join(other, "nobody.json"), login("registry.example.org"))
    writeFileSync(join(other, "config.json"), login("registry.example.org"))
    vi.stubEnv(variable, join(other, value))
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 1 })
  })

  describe.skipIf(process.platform === "win32")("and credentials that a helper keeps", () => {
    /** Puts a helper into the path that answers as a shell command does, and a configuration that names it. */
    function helper(command: string, configuration: object): { asked: () => string } {
      const folder = scratch()
      writeFileSync(
        join(folder, "docker-credential-mine"),
        `#!/bin/sh\ncat > ${folder}/asked\n${command}\n`,
        {
          mode: 0o755,
        },
      )
      writeFileSync(join(folder, "config.json"), JSON.stringify(configuration))
      vi.stubEnv("DOCKER_CONFIG", folder)
      vi.stubEnv("PATH", `${folder}:${process.env.PATH}`)
      return { asked: () => readFileSync(join(folder, "asked"), "utf8") }
    }
    const answer = (username: string, secret: string) =>
      `echo '${JSON.stringify({ ServerURL: "x", Username: username, Secret: secret })}'`

    it.each(["credHelpers", "credsStore"])("are asked for, by %s", async (key) => {
      const { registry, reference } = await start()
      registry.access = "basic"
      const { host } = registry
      const named = { credHelpers: { [host]: "mine" }, credsStore: "mine" }[key]
      // What the helper says goes before what is written down.
      const auths = { [host]: { auth: Buffer.from("user:old").toString("base64") } }
      const { asked } = helper(answer("user", "secret"), { auths, [key]: named })
      expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0, stderr: "" })
      expect(asked()).toBe(host)
    })

    it("are not asked for where another registry has the helper", async () => {
      const { registry, reference } = await start()
      registry.access = "basic"
      helper("exit 1", { credHelpers: { "registry.example.org": "mine" } })
      const { code, stderr } = await cli(["ls", "--plain-http", reference])
      expect([code, stderr]).toEqual([1, expect.stringContaining("asks for a user and a password (EACCES)")])
    })

    it("fall back to what is written down where it knows none", async () => {
      const { registry, reference } = await start()
      registry.access = "basic"
      const auths = { [registry.host]: { auth: Buffer.from("user:secret").toString("base64") } }
      helper("echo 'credentials not found in native keychain'; exit 1", { auths, credsStore: "mine" })
      expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0, stderr: "" })
    })

    it.each([
      [
        "echo 'the keychain is locked'; exit 1",
        "docker-credential-mine fails: the keychain is locked (EACCES)",
      ],
      ["exit 3", "docker-credential-mine fails: exit code 3 (EACCES)"],
      ["echo 'not json: hidden-secret'", "gives no credentials that can be understood (EACCES)"],
      [`echo '{"Username":"u"}'`, "gives no credentials that can be understood (EACCES)"],
      [answer("<token>", "hidden-secret"), "gives an identity token"],
    ])("are an error where it fails: %s", async (command, message) => {
      const { reference } = await start()
      helper(command, { credsStore: "mine" })
      const { code, stderr } = await cli(["ls", "--plain-http", reference])
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
      expect(stderr).not.toContain("hidden-secret")
    })

    it("are an error where the helper is not there, or no name of one", async () => {
      const { reference } = await start()
      helper("", { credsStore: "missing" })
      expect((await cli(["ls", "--plain-http", reference])).stderr).toMatch(
        /docker-credential-missing, which keeps the credentials for \S+, is not there \(EACCES\)/,
      )
      helper("", { credsStore: "../mine" })
      expect((await cli(["ls", "--plain-http", reference])).stderr).toContain("can be none (EINVAL)")
    })
  })

  it("verify layers by their digests in check, and only there", async () => {
    const { registry, reference } = await start()
    const check = (...options: string[]) => cli(["check", "--plain-http", ...options, reference])
    expect(await check()).toMatchObject({ code: 0, stderr: "" })
    const [[digest, bytes] = ["", image]] = registry.blobs
    // A byte that no structure of the image holds.
    const other = bytes.slice()
    other[0] = 0xff
    registry.blobs.set(digest, other)
    const { code, stdout } = await check()
    expect([code, stdout.toString()]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^${reference}: the layer has digest sha256:\\w+, its manifest says ${digest}\n.* 1 damage\n$`,
        ),
      ),
    ])
    expect(JSON.parse((await check("--json")).stdout.toString())).toMatchObject({
      damages: [{ path: reference, reason: expect.stringContaining("the layer has digest") }],
    })
    expect(await check("--no-layer-digest")).toMatchObject({ code: 0 })
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0 })
  })

  it("tell no registry what is meant for another", async () => {
    const { registry, reference } = await start()
    registry.access = "basic"
    const folder = scratch()
    vi.stubEnv("DOCKER_CONFIG", folder)
    for (const key of ["registry.example.org", `${registry.host}0`, `x${registry.host}`]) {
      writeFileSync(join(folder, "config.json"), login(key))
      const { code, stderr } = await cli(["ls", "--plain-http", reference])
      expect([code, stderr]).toEqual([1, expect.stringContaining("asks for a user and a password (EACCES)")])
    }
    writeFileSync(join(folder, "config.json"), "{")
    expect((await cli(["ls", "--plain-http", reference])).stderr).toContain(
      "not a file that a login wrote (EINVAL)",
    )
  })
})
