// SPDX-License-Identifier: MIT
/** Random source trees for making images. */
import { spawnSync } from "node:child_process"
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs"
import type { Expected } from "../support/image-set.js"
import type { Random } from "../support/random.js"

/** What was put into a tree. */
export interface SourceTree {
  root: string
  /** Content of regular files by path, for when Linux is not to be believed. */
  files: Map<string, Uint8Array>
  /** As Linux shows the tree, once somebody has asked. */
  described?: Map<string, Expected>
}

const SIZES = [
  1, 100, 511, 512, 513, 1024, 2047, 2048, 4000, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 16384, 16385,
]
const LARGE_SIZES = [65535, 65536, 65537, 100_000, 131_072, 200_001, 300_000]
const WORDS = "the quick brown fox jumps over a lazy dog while erofs images lie in blocks of pages".split(" ")
const NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_.,+!#~ ABC"

/** Makes a random tree below `root`, which must be an empty folder that keeps extended attributes. */
export function makeSourceTree(root: string, random: Random): SourceTree {
  return new Maker(root, random).make()
}

class Maker {
  readonly #root: string
  readonly #random: Random
  readonly #files = new Map<string, Uint8Array>()
  readonly #folders = [""]
  readonly #paths: string[] = []
  readonly #commands: string[] = []
  readonly #xattrs: string[] = []
  readonly #pool: Uint8Array[] = []

  constructor(root: string, random: Random) {
    this.#root = root
    this.#random = random
  }

  make(): SourceTree {
    const random = this.#random
    const folders = random.below(6)
    for (let i = 0; i < folders; i++) this.#folder()
    const files = random.between(1, random.pick([4, 12, 30]))
    for (let i = 0; i < files; i++) this.#file()
    if (random.chance(15)) this.#manyFiles(random.between(50, 400))
    for (let i = random.below(5); i > 0; i--) this.#link()
    for (let i = random.below(4); i > 0; i--) this.#symlink()
    if (random.chance(25)) this.#nodes()
    for (const path of this.#paths) if (random.chance(25)) this.#attributes(path)
    this.#runCommands()
    this.#times()
    return { root: this.#root, files: this.#files }
  }

  #newPath(): string {
    for (;;) {
      const folder = this.#random.pick(this.#folders)
      const length = this.#random.chance(8) ? this.#random.between(200, 255) : this.#random.between(1, 20)
      let name = ""
      while (name.length < length) name += NAME_LETTERS[this.#random.below(NAME_LETTERS.length)]
      if (this.#random.chance(5)) name = `${name.slice(0, 100)}ü日本`
      const path = `${folder}/${name}`
      if (name !== "." && name !== ".." && !this.#paths.includes(path)) {
        this.#paths.push(path)
        return path
      }
    }
  }

  #folder(): void {
    const path = this.#newPath()
    mkdirSync(this.#root + path)
    this.#folders.push(path)
  }

  #file(): void {
    const path = this.#newPath()
    const random = this.#random
    if (random.chance(12)) this.#sparse(path)
    else this.#write(path, this.#content())
  }

  #write(path: string, content: Uint8Array): void {
    const fd = openSync(this.#root + path, "wx", this.#random.pick([0o644, 0o755, 0o600, 0o4755]))
    writeSync(fd, content)
    closeSync(fd)
    this.#files.set(path, content)
  }

  /** Data with holes; zeros that are stored, too. */
  #sparse(path: string): void {
    const random = this.#random
    const content = new Uint8Array(random.between(1, 300_000))
    const fd = openSync(this.#root + path, "wx")
    for (let i = random.below(4); i > 0; i--) {
      const at = random.chance(50)
        ? random.below(Math.ceil(content.length / 4096)) * 4096
        : random.below(content.length)
      const piece = this.#piece(random.between(1, 9000)).subarray(0, content.length - at)
      content.set(piece, at)
      writeSync(fd, piece, 0, piece.length, at)
    }
    ftruncateSync(fd, content.length)
    closeSync(fd)
    this.#files.set(path, content)
  }

  #content(): Uint8Array {
    const random = this.#random
    if (random.chance(6)) return new Uint8Array(0)
    if (random.chance(20) && this.#pool.length > 0) return this.#variant(random.pick(this.#pool))
    const size = random.chance(18)
      ? random.pick(LARGE_SIZES) + random.below(3)
      : random.chance(60)
        ? random.pick(SIZES)
        : random.below(30_000)
    const content = new Uint8Array(size)
    for (let at = 0; at < size; ) {
      const piece = this.#piece(random.chance(50) ? size : random.between(1, 20_000)).subarray(0, size - at)
      content.set(piece, at)
      at += piece.length
    }
    this.#pool.push(content)
    return content
  }

  /** The same content again, or a part, moved or with something changed. */
  #variant(base: Uint8Array): Uint8Array {
    const random = this.#random
    const choice = random.below(4)
    if (choice === 0) return base
    if (choice === 1) return base.slice(random.below(base.length))
    if (choice === 2) return Buffer.concat([this.#piece(random.between(1, 5000)), base])
    const changed = base.slice()
    changed[random.below(base.length)] = random.below(256)
    return changed
  }

  #piece(length: number): Uint8Array {
    const random = this.#random
    switch (random.below(5)) {
      case 0:
        return random.bytes(length)
      case 1:
        return new Uint8Array(length).fill(random.chance(50) ? 0 : random.below(256))
      case 2:
        return repeat(random.bytes(random.between(1, 70)), length)
      case 3:
        return this.#text(length)
      default:
        return Uint8Array.from({ length }, () => random.below(6))
    }
  }

  #text(length: number): Uint8Array {
    let text = ""
    while (text.length < length) text += `${this.#random.pick(WORDS)}${this.#random.chance(20) ? ".\n" : " "}`
    return Buffer.from(text.slice(0, length))
  }

  #manyFiles(count: number): void {
    const folder = this.#newPath()
    mkdirSync(this.#root + folder)
    for (let i = 0; i < count; i++) {
      const path = `${folder}/${"n".repeat(i % 40)}${i}`
      this.#write(path, this.#random.chance(70) ? this.#text(this.#random.below(200)) : new Uint8Array(0))
    }
  }

  #link(): void {
    const existing = this.#random.pick([...this.#files.keys()])
    const path = this.#newPath()
    linkSync(this.#root + existing, this.#root + path)
    this.#files.set(path, this.#files.get(existing) as Uint8Array)
  }

  #symlink(): void {
    const length = this.#random.pick([1, 20, 100, 900, 4000])
    const path = this.#newPath()
    symlinkSync("target/".repeat(600).slice(0, length), this.#root + path)
  }

  #nodes(): void {
    const kinds = [
      "p",
      `c ${this.#random.below(4096)} ${this.#random.below(2 ** 20)}`,
      "b 259 70000",
      "c 1 3",
    ]
    for (const kind of kinds) {
      const path = this.#newPath()
      this.#commands.push(`mknod ${quote(this.#root + path)} ${kind}`)
    }
  }

  #attributes(path: string): void {
    const random = this.#random
    const isFile = this.#files.has(path)
    const isFolder = this.#folders.includes(path)
    if (random.chance(30)) {
      const ids = random.pick([`${random.below(1000)}:${random.below(1000)}`, "65536:7", "0:4294967294"])
      this.#commands.push(`chown -h ${ids} ${quote(this.#root + path)}`)
    }
    const lines: string[] = []
    const set = (name: string, value: Uint8Array): void => {
      lines.push(`${name}=${value.length > 0 ? `0s${Buffer.from(value).toString("base64")}` : '""'}`)
    }
    if (random.chance(50)) set(`trusted.t${random.below(4)}`, random.pick(SHARED_VALUES))
    if (random.chance(30)) set("security.selinux", Buffer.from("system_u:object_r:bin_t:s0\0"))
    if (isFile || isFolder) {
      for (let i = random.below(5); i > 0; i--) {
        const name = `user.${random.pick(["a", "mime_type", "org.example.key", "n".repeat(240)])}${i}`
        set(
          name,
          random.chance(50) ? random.pick(SHARED_VALUES) : random.bytes(random.pick([0, 1, 40, 300, 3500])),
        )
      }
      if (random.chance(15)) set("system.posix_acl_access", acl(random))
      if (isFolder && random.chance(15)) set("system.posix_acl_default", acl(random))
    }
    if (lines.length > 0) {
      const name = Buffer.from(path.slice(1))
        .toString("latin1")
        .replace(/[\n\r\\\x80-\xff]/g, octal)
      this.#xattrs.push(`# file: ${name}\n${lines.join("\n")}\n`)
    }
  }

  #runCommands(): void {
    if (this.#commands.length > 0) run("sh", ["-ec", this.#commands.join("\n")])
    if (this.#xattrs.length > 0) run("setfattr", ["-h", "--restore=-"], this.#root, this.#xattrs.join("\n"))
  }

  #times(): void {
    const paths = [...this.#paths.slice().reverse(), ""]
    for (const path of paths) {
      const random = this.#random
      const time = random.chance(70)
        ? 1_600_000_000
        : random.pick([
            0,
            -5.25,
            1,
            1e9 + random.below(1e9) / 1e9,
            2 ** 31 + 0.5,
            2 ** 32 + 77,
            1_700_000_000,
          ])
      lutimesSync(this.#root + path, time, time)
    }
  }
}

const SHARED_VALUES = [0, 1, 8, 33, 200].map((length) =>
  Uint8Array.from({ length }, (_, i) => i * 7 + length),
)

/** An ACL with a named user, as the kernel stores it. */
function acl(random: Random): Uint8Array {
  const entries = [
    [1, 6, 0xffffffff],
    [2, random.below(8), random.below(70_000)],
    [4, 4, 0xffffffff],
    [0x10, 7, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ] as const
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(2, 0)
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * i)
    bytes.writeUInt16LE(permissions, 6 + 8 * i)
    bytes.writeUInt32LE(id, 8 + 8 * i)
  }
  return bytes
}

function repeat(unit: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => unit[i % unit.length] as number)
}

function octal(letter: string): string {
  return `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function run(command: string, args: string[], cwd?: string, input?: string): void {
  const done = spawnSync(command, args, {
    cwd,
    input: input === undefined ? undefined : Buffer.from(input, "latin1"),
  })
  if (done.status !== 0)
    throw new Error(`${command}: ${done.error ?? done.stderr} (${done.status ?? done.signal})`)
}
