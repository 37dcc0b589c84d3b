// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** One piece of work for liblzma; `cut` gives as many streams of at most `limit` bytes as the text needs. */
export type Job =
  | {
      what: "encode" | "cut"
      plain: Uint8Array
      limit: number
      lc: number
      lp: number
      pb: number
      preset: number
    }
  | { what: "whole" | "partial"; stream: Uint8Array; targetLength: number }

/** `code`: for encoding the bytes of plain text taken, for decoding the lzma_ret (1 = LZMA_STREAM_END). */
export interface Answer {
  code: number
  /** The stream or the decoded bytes; undefined if the encoder refused. */
  bytes: Uint8Array | undefined
}

/** liblzma's lzma_ret of a finished stream. */
export const STREAM_END = 1
/** Added to a preset: LZMA_PRESET_EXTREME. */
export const EXTREME = 128

const REFUSED = 0xffffffff

/** liblzma's MicroLZMA encoder and decoder, as a program compiled on the spot. */
export class NativeLzma {
  readonly program: string

  private constructor(program: string) {
    this.program = program
  }

  /** Compiles the program; undefined where there is no compiler or no lzma.h with MicroLZMA. */
  static build(): NativeLzma | undefined {
    const folder = mkdtempSync(join(tmpdir(), "microlzma-"))
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
    const program = join(folder, "microlzma")
    try {
      execFileSync("cc", ["-O3", "-o", program, findSource(), "-llzma"], { stdio: "ignore" })
      return new NativeLzma(program)
    } catch {
      return undefined
    }
  }

  /** Does all jobs in one run of the program. */
  run(jobs: Job[]): Answer[] {
    const input = Buffer.concat(jobs.flatMap(record))
    const { status, stdout } = spawnSync(this.program, ["code"], { input, maxBuffer: 1 << 30 })
    if (status !== 0) throw new Error(`microlzma failed with ${status}`)
    const answers: Answer[] = []
    for (let at = 0; at < stdout.length; ) {
      const code = stdout.readUInt32LE(at)
      const length = stdout.readUInt32LE(at + 4)
      const end = at + 8 + (length === REFUSED ? 0 : length)
      answers.push({
        code,
        bytes: length === REFUSED ? undefined : new Uint8Array(stdout.subarray(at + 8, end)),
      })
      at = end
    }
    return answers
  }

  /** MB/s of liblzma over a file of blocks (see microlzma.c) and the CRC32 of what it decoded. */
  time(seconds: number, file: string): { mbPerSecond: number; crc: number } {
    const words = execFileSync(this.program, ["time", String(seconds), file], { encoding: "utf8" }).split(" ")
    return { mbPerSecond: Number(words[0]), crc: Number(words[1]) }
  }
}

function record(job: Job): Uint8Array[] {
  if ("plain" in job) {
    const letter = job.what === "encode" ? 0x65 : 0x63
    const head = Buffer.from([letter, job.lc, job.lp, job.pb, job.preset, 0, 0, 0, 0, 0, 0, 0, 0])
    head.writeUInt32LE(job.limit, 5)
    head.writeUInt32LE(job.plain.length, 9)
    return [head, job.plain]
  }
  const head = Buffer.from([job.what === "whole" ? 0x77 : 0x70, 0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32LE(job.targetLength, 1)
  head.writeUInt32LE(job.stream.length, 5)
  return [head, job.stream]
}

/** The C source, from the source tree as from the compiled one. */
function findSource(): string {
  for (let url = new URL("./", import.meta.url); ; url = new URL("../", url)) {
    const path = fileURLToPath(new URL("test/support/microlzma.c", url))
    if (existsSync(path)) return path
    if (url.pathname === "/") throw new Error("microlzma.c not found")
  }
}
