// SPDX-License-Identifier: MIT
/** The command line as a process of its own, as it is installed. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { describe, expect, it, vi } from "vitest"
import { directory, file } from "../support/build-image.js"
import { fixturePath, imageFile, scratch } from "../support/cli.js"

vi.setConfig({ testTimeout: 60_000 })

const main = new URL("../../dist/cli/main.js", import.meta.url).pathname
const isBuilt = existsSync(main)

const start = (...argv: string[]) => spawnSync(process.execPath, [main, ...argv])

describe.skipIf(!isBuilt)("the built command (needs npm run build)", () => {
  it("begins with the line that makes it a program", () => {
    expect(readFileSync(main, "utf8").split("\n")[0]).toBe("#!/usr/bin/env node")
    const { bin } = JSON.parse(readFileSync("package.json", "utf8")) as { bin: Record<string, string> }
    expect(main.endsWith((bin["erofs-wasm"] as string).slice(1))).toBe(true)
  })

  it("prints data to standard output and nothing else", () => {
    const { status, stdout, stderr } = start("ls", fixturePath("lz4-ztailpacking.erofs"))
    expect([status, stderr.toString()]).toEqual([0, ""])
    expect(stdout.toString()).toMatch(/^(\S+\n)+$/)
  })

  it("ends with 1 on failure and 2 on wrong usage, with one line each", () => {
    const failed = start("info", "/no/such/file")
    expect([failed.status, failed.stdout.length, failed.stderr.toString().split("\n").length]).toEqual([
      1, 0, 2,
    ])
    expect(start("nonsense").status).toBe(2)
    expect(start().status).toBe(2)
  })

  it("gives large files to a pipe completely", () => {
    const content = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 2654435761) >>> 24)
    const image = imageFile(directory({ big: file(content) }))
    const piped = execFileSync(process.execPath, [main, "cat", image, "/big"], { maxBuffer: 1 << 26 })
    expect(Buffer.compare(piped, content)).toBe(0)
  })

  it("is ended by a signal, and leaves no half archive", async () => {
    const content = new Uint8Array(64 << 20).fill(7)
    const image = imageFile(directory({ big: file(content) }))
    const archive = join(scratch(), "archive.tar")
    const child = spawn(process.execPath, [main, "tar", "-o", archive, image], { stdio: "ignore" })
    const ended = once(child, "exit")
    while (!existsSync(archive) || statSync(archive).size === 0) await setTimeout(1)
    child.kill("SIGINT")
    expect(await ended).toEqual([null, "SIGINT"])
    expect(existsSync(archive)).toBe(false)
  })

  it.runIf(process.platform === "linux")("refuses arguments that Node passes on changed", () => {
    const command = [process.execPath, main, "extract", fixturePath("small-b512.erofs")].join("' '")
    const target = join(scratch(), "x")
    const { status, stderr } = spawnSync("sh", ["-c", `'${command}' "${target}$(printf '\\377')"`])
    expect([status, stderr.toString()]).toEqual([2, expect.stringContaining("an argument is not UTF-8")])
    expect(existsSync(target)).toBe(false)
    expect(start("ls", fixturePath("small-b512.erofs"), "/\ufffd").status).toBe(1)
  })

  it.each([["-lR"], ["-lR", "--json"]])(
    "ends quietly in the middle of a listing, too: %s %s",
    async (...options) => {
      const image = fixturePath("many-b512.erofs")
      const child = spawn(process.execPath, [main, "ls", ...options, image], {
        stdio: ["ignore", "pipe", "pipe"],
      })
      const complaints: Buffer[] = []
      child.stderr.on("data", (piece: Buffer) => complaints.push(piece))
      child.stdout.destroy()
      const [status] = (await once(child, "close")) as [number]
      expect([status, Buffer.concat(complaints).toString()]).toEqual([0, ""])
    },
  )

  it("ends quietly when its reader goes away", async () => {
    const image = imageFile(directory({ big: file(new Uint8Array(20_000_000)) }))
    const child = spawn(process.execPath, [main, "cat", image, "/big"], { stdio: ["ignore", "pipe", "pipe"] })
    const complaints: Buffer[] = []
    child.stderr.on("data", (piece: Buffer) => complaints.push(piece))
    child.stdout.once("data", () => child.stdout.destroy())
    const [status] = (await once(child, "close")) as [number]
    expect([status, Buffer.concat(complaints).toString()]).toEqual([0, ""])
  })
})
