// SPDX-License-Identifier: MIT
// Compresses, decompresses or times many blocks with the installed libzstd, whose headers need not be
// installed. All numbers in the files are 32-bit little-endian.
//
//   zstd-tool compress IN OUT     IN: jobs of {level, windowLog, flags, flush, length, bytes}
//                                 OUT: {length, bytes} of each frame
//   zstd-tool fit IN OUT LEVEL SIZE   IN: raw bytes; OUT: {length, frame length, frame} of pieces, each
//                                 the longest found whose frame is at most SIZE bytes
//   zstd-tool decompress IN OUT   IN: jobs of {capacity, length, bytes}; OUT: {length or -1, bytes}
//   zstd-tool bench IN SECONDS    IN: jobs of {capacity, length, bytes}; prints the best MB/s
//
// flags: 1 checksum, 2 no content size. flush: 0, or how many bytes go between two flushes.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { const void* src; size_t size; size_t pos; } In;
typedef struct { void* dst; size_t size; size_t pos; } Out;
void* ZSTD_createCCtx(void);
void* ZSTD_createDCtx(void);
size_t ZSTD_CCtx_reset(void*, int);
size_t ZSTD_CCtx_setParameter(void*, int, int);
size_t ZSTD_CCtx_setPledgedSrcSize(void*, unsigned long long);
size_t ZSTD_compress2(void*, void*, size_t, const void*, size_t);
size_t ZSTD_compressStream2(void*, Out*, In*, int);
size_t ZSTD_decompressDCtx(void*, void*, size_t, const void*, size_t);
unsigned ZSTD_isError(size_t);
size_t ZSTD_compressBound(size_t);

enum { LEVEL = 100, WINDOW_LOG = 101, CONTENT_SIZE = 200, CHECKSUM = 201 };
enum { CONTINUE = 0, FLUSH = 1, END = 2 };
enum { RESET_ALL = 3 };

static uint8_t* bytes;
static size_t total;

static void die(const char* what) { fprintf(stderr, "%s\n", what); exit(1); }
static void readAll(const char* name) {
  FILE* file = fopen(name, "rb");
  if (!file) die("cannot open input");
  fseek(file, 0, SEEK_END);
  total = (size_t)ftell(file);
  rewind(file);
  bytes = malloc(total + 1);
  if (fread(bytes, 1, total, file) != total) die("cannot read input");
  fclose(file);
}
static uint32_t number(size_t at) { uint32_t n; memcpy(&n, bytes + at, 4); return n; }
static void put(FILE* out, uint32_t n) { fwrite(&n, 4, 1, out); }
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void compressAll(FILE* file) {
  void* context = ZSTD_createCCtx();
  for (size_t at = 0; at < total;) {
    int level = (int32_t)number(at), windowLog = (int)number(at + 4);
    uint32_t flags = number(at + 8), flush = number(at + 12), length = number(at + 16);
    const uint8_t* source = bytes + at + 20;
    at += 20 + (size_t)length;
    ZSTD_CCtx_reset(context, RESET_ALL);
    ZSTD_CCtx_setParameter(context, LEVEL, level);
    if (windowLog) ZSTD_CCtx_setParameter(context, WINDOW_LOG, windowLog);
    ZSTD_CCtx_setParameter(context, CHECKSUM, flags & 1);
    ZSTD_CCtx_setParameter(context, CONTENT_SIZE, !(flags & 2));
    size_t room = ZSTD_compressBound(length) + (flush ? 16 * (length / flush) : 0) + 64;
    uint8_t* target = malloc(room);
    Out out = { target, room, 0 };
    if (flush) {
      if (!(flags & 2)) ZSTD_CCtx_setPledgedSrcSize(context, length);
      for (size_t from = 0; from < length; from += flush) {
        In in = { source, from + flush < length ? from + flush : length, from };
        size_t left;
        do {
          left = ZSTD_compressStream2(context, &out, &in, FLUSH);
          if (ZSTD_isError(left)) die("cannot flush");
        } while (left);
      }
      In in = { source, length, length };
      if (ZSTD_compressStream2(context, &out, &in, END)) die("cannot end");
    } else {
      out.pos = ZSTD_compress2(context, target, room, source, length);
      if (ZSTD_isError(out.pos)) die("cannot compress");
    }
    put(file, (uint32_t)out.pos);
    fwrite(target, 1, out.pos, file);
    free(target);
  }
}

static void fitAll(FILE* file, int level, size_t size) {
  void* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, LEVEL, level);
  ZSTD_CCtx_setParameter(context, WINDOW_LOG, 20);
  size_t room = ZSTD_compressBound(64 * size);
  uint8_t* target = malloc(room);
  uint8_t* best = malloc(size);
  for (size_t at = 0; at < total;) {
    size_t left = total - at, bestLength = 0, bestSize = 0;
    // A piece stops at 64 times its frame's size, so that easy data does not dwarf the rest.
    size_t low = 1, high = left < 64 * size ? left : 64 * size, try = 2 * size;
    while (low <= high) {
      if (try > high) try = high;
      if (try < low) try = low;
      size_t used = ZSTD_compress2(context, target, room, bytes + at, try);
      if (ZSTD_isError(used)) die("cannot compress");
      if (used <= size) {
        bestLength = try;
        bestSize = used;
        memcpy(best, target, used);
        low = try + 1;
        if (size - used < size / 256) break;
      } else {
        high = try - 1;
      }
      size_t guess = (size_t)((double)try * (double)size / (double)used * 0.999);
      try = guess > low && guess < high ? guess : (low + high) / 2;
    }
    if (!bestLength) die("nothing fits");
    put(file, (uint32_t)bestLength);
    put(file, (uint32_t)bestSize);
    fwrite(best, 1, bestSize, file);
    at += bestLength;
  }
}

static void decompressAll(FILE* file) {
  void* context = ZSTD_createDCtx();
  for (size_t at = 0; at < total;) {
    uint32_t capacity = number(at), length = number(at + 4);
    uint8_t* target = malloc(capacity + 1);
    size_t used = ZSTD_decompressDCtx(context, target, capacity, bytes + at + 8, length);
    at += 8 + (size_t)length;
    if (ZSTD_isError(used)) put(file, 0xffffffff);
    else {
      put(file, (uint32_t)used);
      fwrite(target, 1, used, file);
    }
    free(target);
  }
}

static void benchAll(double seconds) {
  void* context = ZSTD_createDCtx();
  uint8_t* target = malloc(1 << 26);
  double best = 0, end = now() + seconds;
  do {
    double start = now();
    size_t out = 0;
    for (size_t at = 0; at < total;) {
      uint32_t capacity = number(at), length = number(at + 4);
      size_t used = ZSTD_decompressDCtx(context, target, capacity, bytes + at + 8, length);
      if (used != capacity) die("wrong output");
      out += used;
      at += 8 + (size_t)length;
    }
    double speed = (double)out / (now() - start) / 1e6;
    if (speed > best) best = speed;
  } while (now() < end);
  printf("%.1f\n", best);
}

int main(int count, char** words) {
  if (count < 4) die("usage: see the source");
  readAll(words[2]);
  if (!strcmp(words[1], "bench")) {
    benchAll(atof(words[3]));
    return 0;
  }
  FILE* out = fopen(words[3], "wb");
  if (!out) die("cannot open output");
  if (!strcmp(words[1], "compress")) compressAll(out);
  else if (!strcmp(words[1], "decompress")) decompressAll(out);
  else if (!strcmp(words[1], "fit") && count == 6) fitAll(out, atoi(words[4]), (size_t)atol(words[5]));
  else die("usage: see the source");
  return fclose(out) ? 1 : 0;
}
