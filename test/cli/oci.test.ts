// SPDX-License-Identifier: MIT
/** Images in registries on the command line. */
import { mkdirSync, writeFileSync } from "node:fs"
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
    ["REGISTRY_AUTH_FILE", "mine.json", "mine.json"],
  ])("take what a login wrote down, from %s", async (variable, path, value) => {
    const { registry, reference } = await start()
    registry.access = "basic"
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 1 })
    const folder = scratch()
    mkdirSync(join(folder, "containers"))
    writeFileSync(join(folder, path), login(`https://${registry.host}/v1/`))
    vi.stubEnv(variable, join(folder, value))
    expect(await cli(["ls", "--plain-http", reference])).toMatchObject({ code: 0, stderr: "" })
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
