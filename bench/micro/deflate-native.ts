// SPDX-License-Identifier: MIT
/** Native inflaters in a program of their own, which decodes all pieces once whenever it is told to. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A stream and the length of what it holds. */
export interface Piece {
  stream: Uint8Array
  length: number
}

export type NativeLibrary = "zlib" | "libdeflate"

const program = `
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

typedef int (*decompress_t)(void *, const void *, size_t, void *, size_t, size_t *);

int main(int argc, char **argv) {
  FILE *file = fopen(argv[2], "rb");
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *all = malloc(size);
  if (fread(all, 1, size, file) != (size_t)size) return 1;
  uint8_t *target = malloc(64 << 20);
  double *best = calloc(size, sizeof *best);
  void *decompressor = NULL;
  decompress_t decompress = NULL;
  if (strcmp(argv[1], "libdeflate") == 0) {
    void *library = dlopen("libdeflate.so.0", RTLD_NOW);
    if (!library) return 2;
    void *(*allocate)(void) = (void *(*)(void))dlsym(library, "libdeflate_alloc_decompressor");
    decompress = (decompress_t)dlsym(library, "libdeflate_deflate_decompress");
    decompressor = allocate();
  }
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  inflateInit2(&stream, -15);
  printf("ready\\n");
  fflush(stdout);
  while (getchar() != EOF) {
    double total = 0;
    size_t piece = 0;
    for (uint8_t *at = all; at < all + size; piece++) {
      struct timespec from, to;
      clock_gettime(CLOCK_MONOTONIC, &from);
      uint32_t lengths[2];
      memcpy(lengths, at, sizeof lengths);
      at += sizeof lengths;
      if (decompressor) {
        if (decompress(decompressor, at, lengths[0], target, lengths[1], NULL) != 0) return 3;
      } else {
        inflateReset(&stream);
        stream.next_in = at;
        stream.avail_in = lengths[0];
        stream.next_out = target;
        stream.avail_out = lengths[1];
        if (inflate(&stream, Z_FINISH) != Z_STREAM_END) return 3;
        if (stream.avail_out) return 3;
      }
      at += lengths[0];
      clock_gettime(CLOCK_MONOTONIC, &to);
      double time = (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
      if (best[piece] == 0 || time < best[piece]) best[piece] = time;
      total += best[piece];
    }
    printf("%.0f\\n", total);
    fflush(stdout);
  }
  return 0;
}
`

/** The compiled program and the files it reads; undefined members of its offer are libraries not there. */
export class NativeProgram {
  readonly #folder = mkdtempSync(join(tmpdir(), "erofs-wasm-deflate-"))
  readonly #path = join(this.#folder, "inflate")
  #files = 0

  private constructor() {
    const source = join(this.#folder, "inflate.c")
    writeFileSync(source, program)
    execFileSync("cc", ["-O3", "-o", this.#path, source, "-lz", "-ldl"], { stdio: "ignore" })
  }

  /** Compiles the program, if there is a C compiler and zlib's header. */
  static compile(): NativeProgram | undefined {
    try {
      return new NativeProgram()
    } catch {
      return undefined
    }
  }

  /** Starts it with these pieces; undefined if the library cannot be loaded. */
  async start(library: NativeLibrary, pieces: Piece[]): Promise<NativeTimer | undefined> {
    const file = join(this.#folder, `pieces-${this.#files++}`)
    const records = pieces.flatMap(({ stream, length }) => {
      const lengths = Buffer.alloc(8)
      lengths.writeUInt32LE(stream.length, 0)
      lengths.writeUInt32LE(length, 4)
      return [lengths, stream]
    })
    writeFileSync(file, Buffer.concat(records))
    const timer = new NativeTimer(spawn(this.#path, [library, file]))
    return (await timer.ready()) ? timer : undefined
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true })
  }
}

/** A running program. */
export class NativeTimer {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  async ready(): Promise<boolean> {
    return (await this.#lines.next()).value === "ready"
  }

  /** Milliseconds of the best times of each piece so far, added up. */
  total = Number.NaN

  /** Decodes all pieces once. */
  async pass(): Promise<void> {
    this.#child.stdin.write("x")
    const { value, done } = await this.#lines.next()
    if (done) throw new Error("the native program failed")
    this.total = Number(value) / 1e6
  }

  dispose(): void {
    this.#child.stdin.end()
  }
}
