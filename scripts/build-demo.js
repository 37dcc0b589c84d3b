// SPDX-License-Identifier: MIT
// Puts the demo page together in build/demo: a folder that any web server can serve as it is.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("../", import.meta.url)
const target = new URL("build/demo/", root)
const page = ["style", "icon.svg"]
/** Images that the page offers; see demo/samples.ts. */
const samples = [
  "demo/aurora-1.0.erofs",
  "demo/aurora-1.1.erofs",
  "demo/aurora-damaged.erofs",
  "images/four-algorithms.erofs",
]
/** What of dist no page needs. */
const unused = /[/\\](cli|browser)$|\.d\.ts$|\.wasm$|index\.(node|workerd)\.js/

function run(command, ...args) {
  execFileSync(command, args, { cwd: fileURLToPath(root), stdio: "inherit" })
}

function copy(from, to, filter = () => true) {
  cpSync(new URL(from, root), new URL(to, target), { recursive: true, filter })
}

/** The page, with the hash of its import map, the one script in it, where its policy wants it. */
function withHash(html) {
  const [, map] = /<script type="importmap">(.*?)<\/script>/s.exec(html)
  const hash = createHash("sha256").update(map).digest("base64")
  return html.replace("IMPORT-MAP-HASH", `sha256-${hash}`)
}

if (!existsSync(new URL("dist/index.js", root))) run("npm", "run", "build")
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
run(process.execPath, "node_modules/typescript/bin/tsc", "-p", "demo")
for (const file of page) copy(`demo/${file}`, file)
writeFileSync(new URL("index.html", target), withHash(readFileSync(new URL("demo/index.html", root), "utf8")))
copy("dist", "erofs-wasm", (file) => !unused.test(file))
copy("node_modules/xxhash-wasm/esm/xxhash-wasm.js", "xxhash-wasm.js")
for (const sample of samples) copy(`test/fixtures/${sample}`, `samples/${sample.split("/").pop()}`)
