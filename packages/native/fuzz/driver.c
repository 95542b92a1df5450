/*
 * A mutating driver for LLVMFuzzerTestOneInput where there is no libFuzzer.
 *   fuzz-NAME SECONDS SEED [FILE...]
 * Runs each file as it is, then changed copies of them until the time is over. The same seed makes the same changes. Prints how many ran.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT (64 * 1024)

static uint64_t state;

static uint64_t next(void) {
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const uint32_t interesting[] = {0, 1, 2, 4, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};

static size_t mutate(uint8_t *data, size_t size) {
	size_t at = size ? next() % size : 0, n = 1 + next() % 16;
	uint32_t word;

	switch (next() % 7) {
	case 0:
		if (size) data[at] ^= (uint8_t)(1u << (next() & 7));
		return size;
	case 1:
		if (size) data[at] = (uint8_t)next();
		return size;
	case 2:
		word = interesting[next() % (sizeof(interesting) / sizeof(interesting[0]))];
		if (size - at >= 4 && size >= 4) memcpy(data + at, &word, 4);
		return size;
	case 3: /* cut out */
		if (at + n > size) return at;
		memmove(data + at, data + at + n, size - at - n);
		return size - n;
	case 4: /* repeat */
		if (at + n > size || size + n > LIMIT) return size;
		memmove(data + at + n, data + at, size - at);
		return size + n;
	case 5: /* random bytes in between */
		if (size + n > LIMIT) return size;
		memmove(data + at + n, data + at, size - at);
		for (size_t i = 0; i < n; i++) data[at + i] = (uint8_t)next();
		return size + n;
	default: return at;
	}
}

struct seed {
	uint8_t *data;
	size_t size;
};

static struct seed read_seed(const char *path) {
	struct seed seed = {malloc(LIMIT), 0};
	FILE *file = fopen(path, "rb");

	if (!file || !seed.data) {
		perror(path);
		exit(2);
	}
	seed.size = fread(seed.data, 1, LIMIT, file);
	fclose(file);
	return seed;
}

int main(int argc, char **argv) {
	int count = argc > 3 ? argc - 3 : 1;
	struct seed *seeds = calloc((size_t)count, sizeof(*seeds));
	uint8_t *work = malloc(LIMIT);
	unsigned long runs = 0;
	time_t end;

	if (argc < 3 || !seeds || !work) {
		fprintf(stderr, "usage: %s SECONDS SEED [FILE...]\n", argv[0]);
		return 2;
	}
	end = time(NULL) + atoi(argv[1]);
	state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
	for (int i = 3; i < argc; i++) seeds[i - 3] = read_seed(argv[i]);
	do {
		for (int turn = 0; turn < 1000; turn++, runs++) {
			struct seed *seed = &seeds[next() % (size_t)count];
			size_t size = seed->size;
			uint8_t *exact;

			if (size) memcpy(work, seed->data, size);
			for (int changes = runs < (unsigned long)count ? 0 : 1 + (int)(next() % 8); changes > 0; changes--) size = mutate(work, size);
			exact = malloc(size + 1); /* so that a byte too far is seen */
			if (!exact) return 2;
			memcpy(exact, work, size);
			exact = realloc(exact, size ? size : 1);
			LLVMFuzzerTestOneInput(exact, size);
			free(exact);
		}
	} while (time(NULL) < end);
	printf("%lu runs\n", runs);
	for (int i = 0; i < count; i++) free(seeds[i].data);
	free(seeds);
	free(work);
	return 0;
}
