// SPDX-License-Identifier: MIT
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** How a frame is to be made. */
export interface FrameOptions {
  level?: number
  /** 10 and up; 0 leaves it to the level. */
  windowLog?: number
  checksum?: boolean
  /** Whether the header states the content size (default true). */
  contentSize?: boolean
  /** Bytes between two flushes, each of which ends a block; 0 for none. */
  flush?: number
}

/** A piece of a corpus and its frame. */
export interface Piece {
  content: Uint8Array
  frame: Uint8Array
}

const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu/libzstd.so.1",
  "/usr/lib/aarch64-linux-gnu/libzstd.so.1",
  "/usr/lib64/libzstd.so.1",
  "/usr/lib/libzstd.so.1",
]

/** The installed libzstd, driven through a small C program. */
export class NativeZstd {
  readonly #folder: string
  readonly #tool: string

  private constructor(folder: string, tool: string) {
    this.#folder = folder
    this.#tool = tool
  }

  /** Compiles the program, or returns undefined if there is no C compiler or no libzstd. */
  static build(): NativeZstd | undefined {
    const library = LIBRARIES.find((path) => existsSync(path))
    if (library === undefined) return undefined
    const folder = mkdtempSync(join(tmpdir(), "zstd-tool-"))
    const tool = join(folder, "zstd-tool")
    try {
      execFileSync("cc", ["-O3", "-o", tool, sourceOfTool(), library], { stdio: "pipe" })
    } catch {
      rmSync(folder, { recursive: true })
      return undefined
    }
    return new NativeZstd(folder, tool)
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true })
  }

  #run(command: string, input: Uint8Array, ...more: string[]): Uint8Array {
    const from = join(this.#folder, "in")
    const to = join(this.#folder, "out")
    writeFileSync(from, input)
    execFileSync(this.#tool, [command, from, to, ...more], { stdio: "pipe" })
    // Not a Buffer, whose slice would share memory.
    return new Uint8Array(readFileSync(to))
  }

  /** One frame for each job. */
  compress(jobs: readonly { content: Uint8Array; options?: FrameOptions }[]): Uint8Array[] {
    const parts: Uint8Array[] = []
    for (const { content, options = {} } of jobs) {
      const { level = 3, windowLog = 0, checksum = false, contentSize = true, flush = 0 } = options
      const flags = (checksum ? 1 : 0) | (contentSize ? 0 : 2)
      parts.push(numbers(level, windowLog, flags, flush, content.length), content)
    }
    const out = this.#run("compress", Buffer.concat(parts))
    const frames: Uint8Array[] = []
    for (let at = 0; at < out.length; ) {
      const length = numberAt(out, at)
      frames.push(out.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    return frames
  }

  /** Cuts a corpus into pieces whose frames are as long as possible, but at most `size` bytes. */
  fit(content: Uint8Array, level: number, size: number): Piece[] {
    const out = this.#run("fit", content, String(level), String(size))
    const pieces: Piece[] = []
    let from = 0
    for (let at = 0; at < out.length; ) {
      const length = numberAt(out, at)
      const frameLength = numberAt(out, at + 4)
      pieces.push({
        content: content.subarray(from, from + length),
        frame: out.subarray(at + 8, at + 8 + frameLength),
      })
      from += length
      at += 8 + frameLength
    }
    return pieces
  }

  /** The content of each frame, or undefined where the library refuses or `capacity` is too small. */
  decompress(jobs: readonly { frame: Uint8Array; capacity: number }[]): (Uint8Array | undefined)[] {
    const out = this.#run(
      "decompress",
      Buffer.concat(jobs.flatMap((job) => [numbers(job.capacity, job.frame.length), job.frame])),
    )
    const contents: (Uint8Array | undefined)[] = []
    for (let at = 0; at < out.length; ) {
      const length = numberAt(out, at)
      at += 4
      if (length === 0xffffffff) {
        contents.push(undefined)
      } else {
        contents.push(out.subarray(at, at + length))
        at += length
      }
    }
    return contents
  }

  /** MB/s of decompressing all pieces one after the other, the best round within `seconds`. */
  bench(pieces: readonly Piece[], seconds: number): number {
    const from = join(this.#folder, "bench")
    writeFileSync(
      from,
      Buffer.concat(pieces.flatMap(({ content, frame }) => [numbers(content.length, frame.length), frame])),
    )
    return Number(execFileSync(this.#tool, ["bench", from, String(seconds)], { encoding: "utf8" }))
  }
}

/** zstd.c beside this file in the source tree, from there as from the compiled tree. */
function sourceOfTool(): string {
  for (let url = new URL("./", import.meta.url); ; url = new URL("../", url)) {
    const path = new URL("test/support/zstd.c", url).pathname
    if (existsSync(path)) return path
    if (url.pathname === "/") throw new Error("test/support/zstd.c not found")
  }
}

function numbers(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values, (value) => value | 0).buffer)
}

function numberAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)
}
