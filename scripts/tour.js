// SPDX-License-Identifier: MIT
// What the command line does, on an image that ships with the project: lists, reads and extracts it.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url))
const image = "test/fixtures/images/lz4-legacy.erofs"
const target = join(mkdtempSync(join(tmpdir(), "erofs-wasm-demo-")), "tree")

/** Runs one command and shows it as a user would type it; `lines` of its output. */
function show(args, lines = Number.POSITIVE_INFINITY) {
  console.log(`\n$ erofs-wasm ${args.join(" ")}`)
  const out = execFileSync(process.execPath, [cli, ...args], {
    cwd: fileURLToPath(new URL("../", import.meta.url)),
    encoding: "utf8",
    maxBuffer: 64 << 20,
    stdio: ["ignore", "pipe", "inherit"],
  }).split("\n")
  console.log(out.slice(0, lines).join("\n").trimEnd())
  if (out.length > lines) console.log("...")
}

show(["info", image])
show(["ls", "-l", image, "/"])
show(["stat", image, "/text-300k"])
show(["cat", image, "/text-300k"], 3)
show(["check", image])
show(["extract", image, target])
console.log(`\n${target}:\n${readdirSync(target).join("\n")}`)
