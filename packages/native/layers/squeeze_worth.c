#include "layers/squeeze_worth.h"

#include <stdint.h>
#include <string.h>

/*
 * Two looks. Are some bytes rarer than others, so that codes of different length would help? Do strings come again within reach (32 KiB)? For the second the
 * places are chosen by what stands there (one in ANCHORS), so that a string is found again wherever it lies.
 */
#define ANCHORS 16U
#define SLOTS (1U << 13)
#define REACH (32U << 10)
#define SMALL 4096U
/* Of larger blocks a quarter is looked at, in runs: single bytes would be of one place of their numbers, and strings come again within a stretch. */
#define LARGE (256U << 10)
#define PART 4U
#define RUN 64U
#define STRETCH (64U << 10)

/* Of n bytes of even noise the squared counts sum up to some n * n / 256 + n. A sixteenth above that would save half a hundredth. */
static bool uneven(const unsigned char *bytes, size_t size) {
	uint32_t counts[4][256] = {{0}};
	size_t n = 0, step = size < LARGE ? RUN : RUN * PART;
	for (size_t from = 0; from + RUN <= size; from += step, n += RUN)
		for (size_t i = from; i < from + RUN; i += 4) {
			counts[0][bytes[i]]++;
			counts[1][bytes[i + 1]]++;
			counts[2][bytes[i + 2]]++;
			counts[3][bytes[i + 3]]++;
		}
	uint64_t squares = 0;
	for (int b = 0; b < 256; b++) {
		uint64_t all = (uint64_t)counts[0][b] + counts[1][b] + counts[2][b] + counts[3][b];
		squares += all * all;
	}
	uint64_t even = (uint64_t)n * n / 256 + n;
	return squares > even + even / 16;
}

static bool repeats(const unsigned char *bytes, size_t size) {
	uint32_t last[SLOTS] = {0};
	size_t anchors = 0, again = 0;
	for (size_t i = 0; i + 8 <= size; i++) {
		if (size >= LARGE && i % (STRETCH * PART) == STRETCH) i += STRETCH * (PART - 1);
		if (i + 8 > size) break;
		uint32_t four;
		memcpy(&four, bytes + i, 4);
		uint32_t mixed = four * 2654435761U;
		if ((mixed >> 28) % ANCHORS != 0) continue;
		uint32_t *slot = &last[(mixed >> 8) % SLOTS];
		anchors++;
		if (*slot > 0 && i - (*slot - 1) <= REACH && memcmp(bytes + *slot - 1, bytes + i, 8) == 0) again++;
		*slot = (uint32_t)i + 1;
	}
	return again * 100 > anchors;
}

bool squeeze_worth(const unsigned char *bytes, size_t size) { return size < SMALL || uneven(bytes, size) || repeats(bytes, size); }
