// SPDX-License-Identifier: MIT
// The encoder and decoder of liblzma for MicroLZMA, as a filter for tests and benchmarks.
//
//   microlzma code          records from stdin to stdout until the end of the input
//     'e' lc lp pb preset limit length bytes  ->  consumed length bytes   (length 2^32-1: refused)
//     'c' lc lp pb preset limit length bytes  ->  the same, repeated until all bytes are taken
//     'w' / 'p' targetLength length bytes     ->  status length bytes     (whole / partial decoding)
//   microlzma time SECONDS FILE
//     FILE holds records: length targetLength bytes. Prints MB/s (of processor time) of the best round over all blocks and
//     the CRC32 of all that was decoded.
//
// lc, lp, pb and preset (128 added: extreme) are bytes; other numbers are 32 bits, little endian.
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// What mkfs.erofs takes as dictionary: this many times the pcluster.
#define DICTIONARY_PER_LIMIT 8

static lzma_stream stream = LZMA_STREAM_INIT;

static void fail(const char *why) {
	fprintf(stderr, "microlzma: %s\n", why);
	exit(1);
}

static void take(FILE *from, void *to, size_t length) {
	if (fread(to, 1, length, from) != length) fail("input ends early");
}

static uint32_t take32(FILE *from) {
	uint32_t value;
	take(from, &value, sizeof value);
	return value;
}

static uint8_t *room(size_t length) {
	uint8_t *bytes = malloc(length + 1);
	if (!bytes) fail("out of memory");
	return bytes;
}

static void give(uint32_t first, uint32_t length, const uint8_t *bytes) {
	fwrite(&first, sizeof first, 1, stdout);
	fwrite(&length, sizeof length, 1, stdout);
	if (length != UINT32_MAX) fwrite(bytes, 1, length, stdout);
}

// Encodes one stream of the input, or as many as it needs.
static void encode(int all) {
	uint8_t how[4];
	take(stdin, how, sizeof how);
	uint32_t limit = take32(stdin), length = take32(stdin);
	uint8_t *in = room(length), *out = room(limit);
	take(stdin, in, length);
	lzma_options_lzma options;
	lzma_lzma_preset(&options, (how[3] & 127) | (how[3] & 128 ? LZMA_PRESET_EXTREME : 0));
	options.lc = how[0], options.lp = how[1], options.pb = how[2];
	uint32_t dictionary = all ? limit * DICTIONARY_PER_LIMIT : length;
	options.dict_size = dictionary < LZMA_DICT_SIZE_MIN ? LZMA_DICT_SIZE_MIN : dictionary;
	uint32_t at = 0;
	do {
		int ok = lzma_microlzma_encoder(&stream, &options) == LZMA_OK;
		stream.next_in = in + at, stream.avail_in = length - at;
		stream.next_out = out, stream.avail_out = limit;
		ok = ok && lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END;
		give(ok ? stream.total_in : 0, ok ? stream.total_out : UINT32_MAX, out);
		if (!ok) break;
		at += stream.total_in;
	} while (all && at < length);
	free(in), free(out);
}

static lzma_ret decode_block(const uint8_t *in, uint32_t length, uint8_t *out, uint32_t target, int whole,
		uint32_t dictionary) {
	if (dictionary < LZMA_DICT_SIZE_MIN) dictionary = LZMA_DICT_SIZE_MIN;
	lzma_ret status = lzma_microlzma_decoder(&stream, length, target, whole, dictionary);
	if (status != LZMA_OK) return status;
	stream.next_in = in, stream.avail_in = length;
	stream.next_out = out, stream.avail_out = target;
	return lzma_code(&stream, LZMA_FINISH);
}

static void decode(int whole) {
	uint32_t target = take32(stdin), length = take32(stdin);
	uint8_t *in = room(length), *out = room(target);
	take(stdin, in, length);
	lzma_ret status = decode_block(in, length, out, target, whole, target);
	give(status, stream.total_out, out);
	free(in), free(out);
}

// Processor time in seconds: other work on the machine does not count.
static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static void measure(double seconds, const char *path) {
	FILE *file = fopen(path, "rb");
	if (!file) fail("cannot open the blocks");
	fseek(file, 0, SEEK_END);
	long size = ftell(file);
	rewind(file);
	uint8_t *bytes = room(size), *out = room(64 << 20);
	take(file, bytes, size);
	double best = 1e9, until = now() + seconds, total = 0;
	uint32_t crc = 0, dictionary = 0;
	// One dictionary size for all blocks, as in an image: liblzma allocates anew whenever it changes.
	for (long at = 0; at < size;) {
		uint32_t length, target;
		memcpy(&length, bytes + at, 4), memcpy(&target, bytes + at + 4, 4);
		if (target > dictionary) dictionary = target;
		at += 8 + length;
	}
	for (int round = 0; round < 2 || now() < until; round++) {
		double start = now();
		total = 0;
		for (long at = 0; at < size;) {
			uint32_t length, target;
			memcpy(&length, bytes + at, 4), memcpy(&target, bytes + at + 4, 4);
			if (decode_block(bytes + at + 8, length, out, target, 1, dictionary) != LZMA_STREAM_END) fail("block refused");
			if (!round) crc = lzma_crc32(out, target, crc);
			at += 8 + length, total += target;
		}
		double took = now() - start;
		if (round && took < best) best = took;
	}
	printf("%.3f %u\n", total / best / 1e6, crc);
}

int main(int argc, char **argv) {
	if (argc == 4 && !strcmp(argv[1], "time")) return measure(atof(argv[2]), argv[3]), 0;
	if (argc != 2 || strcmp(argv[1], "code")) fail("usage: microlzma code | time SECONDS FILE");
	for (int what; (what = getchar()) != EOF;) {
		if (what == 'e' || what == 'c') encode(what == 'c');
		else if (what == 'w' || what == 'p') decode(what == 'w');
		else fail("unknown record");
	}
	return 0;
}
