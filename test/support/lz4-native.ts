// SPDX-License-Identifier: MIT
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A block with the length that it shall decode to. */
export interface Block {
  source: Uint8Array
  targetLength: number
  partial: boolean
}

/** What liblz4 says of a block: its return value, and the target's bytes (empty if it refused). */
export interface Verdict {
  result: number
  output: Uint8Array
}

const LIBRARY_FOLDERS = ["/usr/lib", "/usr/lib64", "/lib", "/usr/local/lib", "/opt/homebrew/lib"]
const LIBRARY_NAMES = [
  "x86_64-linux-gnu/liblz4.so.1",
  "aarch64-linux-gnu/liblz4.so.1",
  "liblz4.so.1",
  "liblz4.1.dylib",
]
const COMPILERS = ["cc", "gcc", "clang"]
const RECORD_HEAD = 12

/** The installed liblz4, or undefined. Headers are not needed. */
export const liblz4 = LIBRARY_FOLDERS.flatMap((folder) =>
  LIBRARY_NAMES.map((name) => join(folder, name)),
).find(existsSync)
/** An installed C compiler, or undefined. */
export const compiler = COMPILERS.find((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})

/*
 * Records of the input file: u32 source length, u32 target length, u32 partial, source.
 * "verdicts" writes for each: i32 result, and the target's bytes if it is not negative.
 * "time" decodes all records into one target, one behind the other, each time it reads a byte from
 * standard input, and answers with the nanoseconds that took.
 */
const PROGRAM = `
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int LZ4_decompress_safe(const char *, char *, int, int);
int LZ4_decompress_safe_partial(const char *, char *, int, int, int);
int LZ4_versionNumber(void);

static int decode(const uint32_t *head, const char *source, char *target) {
  if (head[2]) return LZ4_decompress_safe_partial(source, target, head[0], head[1], head[1]);
  return LZ4_decompress_safe(source, target, head[0], head[1]);
}

int main(int count, char **arguments) {
  if (count < 3) return printf("%d", LZ4_versionNumber()), 0;
  FILE *in = fopen(arguments[2], "rb");
  if (!in) return 1;
  fseek(in, 0, SEEK_END);
  size_t length = ftell(in), total = 64;
  rewind(in);
  char *bytes = malloc(length + 64);
  if (fread(bytes, 1, length, in) != length) return 1;
  uint32_t head[3];
  for (char *at = bytes; at < bytes + length; at += sizeof head + head[0]) memcpy(head, at, sizeof head), total += head[1];
  char *target = malloc(total);
  memset(target, 0x5a, total);
  if (!strcmp(arguments[1], "verdicts")) {
    FILE *out = fopen(arguments[3], "wb");
    for (char *at = bytes; at < bytes + length; at += sizeof head + head[0]) {
      memcpy(head, at, sizeof head);
      memset(target, 0x5a, head[1]);
      int32_t result = decode(head, at + sizeof head, target);
      fwrite(&result, 1, sizeof result, out);
      if (result >= 0) fwrite(target, 1, head[1], out);
    }
    return fclose(out);
  }
  while (getchar() != EOF) {
    struct timespec before, after;
    char *to = target;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (char *at = bytes; at < bytes + length; at += sizeof head + head[0], to += head[1]) {
      memcpy(head, at, sizeof head);
      if (decode(head, at + sizeof head, to) != (int)head[1]) return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("%lld\\n", (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec);
    fflush(stdout);
  }
  return 0;
}
`

/** The installed liblz4 behind a small C program, compiled into a temporary folder. */
export class Lz4Native {
  readonly program: string
  readonly #folder: string

  /** Only valid if `compiler` and `liblz4` are there. */
  constructor() {
    if (!compiler || !liblz4) throw new Error("no C compiler or no liblz4")
    this.#folder = mkdtempSync(join(tmpdir(), "erofs-wasm-lz4-"))
    this.program = join(this.#folder, "lz4-native")
    const file = join(this.#folder, "lz4-native.c")
    writeFileSync(file, PROGRAM)
    execFileSync(compiler, ["-O3", "-o", this.program, file, liblz4])
  }

  /** Such as 10904 for 1.9.4. */
  get version(): number {
    return Number(execFileSync(this.program))
  }

  /** Writes blocks as the program reads them; gives the file's path. */
  write(blocks: Block[], name = "blocks"): string {
    const length = blocks.reduce((sum, block) => sum + RECORD_HEAD + block.source.length, 0)
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    let at = 0
    for (const { source, targetLength, partial } of blocks) {
      view.setUint32(at, source.length, true)
      view.setUint32(at + 4, targetLength, true)
      view.setUint32(at + 8, Number(partial), true)
      bytes.set(source, at + RECORD_HEAD)
      at += RECORD_HEAD + source.length
    }
    const file = join(this.#folder, name)
    writeFileSync(file, bytes)
    return file
  }

  /** Decodes all blocks. */
  decode(blocks: Block[]): Verdict[] {
    const answers = join(this.#folder, "verdicts")
    execFileSync(this.program, ["verdicts", this.write(blocks), answers])
    return readVerdicts(answers, blocks)
  }

  /** Removes the temporary folder. */
  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Reads the answers to `blocks`. */
function readVerdicts(file: string, blocks: Block[]): Verdict[] {
  const bytes = new Uint8Array(readFileSync(file))
  const view = new DataView(bytes.buffer)
  let at = 0
  return blocks.map(({ targetLength }) => {
    const result = view.getInt32(at, true)
    at += 4
    const output = bytes.subarray(at, at + (result < 0 ? 0 : targetLength))
    at += output.length
    return { result, output }
  })
}
