/* What inflate*.c share: the state of a decompression and its bit buffer. */
#pragma once
#include "layers/inflate.h"
#include "layers/inflate_tables.h"

#include <string.h>

#define HISTORY (32U << 10)
#define PIECE (256U << 10)
#define LONGEST_MATCH 258
/* A match is copied in words, so that up to this many bytes behind its end are written, too. */
#define SPILL 32
#define INPUT (64U << 10)
/* Zeros behind the input: so many bytes may be loaded beyond it before that is noticed. */
#define SLACK 64
/* Bytes that the bit buffer holds, which may be given back. */
#define HELD 8

enum phase { MEMBER, BLOCK, STORED, CODED, TRAILER, ENDED, FAILED };

struct inflate {
	inflate_source *source;
	void *context;
	const char *error;
	enum phase phase;
	bool last; /* block of the member */
	bool drained; /* the source has no more */
	uint64_t bits; /* the next bits, lowest first */
	unsigned count;
	unsigned stored; /* bytes left in a stored block */
	uint32_t crc, length; /* of this member so far */
	unsigned char *in, *in_end;
	size_t kept, at, summed; /* in out: history and what was made; how far; how far the checksum has come */
	size_t member; /* where this member's bytes begin, as far as they are in out */
	uint32_t literals[LITERAL_SIZE], distances[DISTANCE_SIZE];
	unsigned char input[HELD + INPUT + SLACK];
	unsigned char out[HISTORY + PIECE + LONGEST_MATCH + SPILL];
};

/* Remembers the first error. Always -1. */
int inflate_fail(struct inflate *z, const char *error);

/* Brings more input, unless there is enough to decode from or no more comes. 0, or -1. */
int inflate_refill(struct inflate *z);

/* Up to 32 bits as a number; -1 when the input ends before. Everything but the inner loop reads by this. */
int64_t inflate_take(struct inflate *z, unsigned n);

/* Gives whole bytes back from the bit buffer; the bits up to the next byte are dropped. */
void inflate_align(struct inflate *z);

/* The header of the next block and its codes, or the end of the member's blocks. 0, or -1. */
int inflate_begin_block(struct inflate *z);

/* Of a stored block, as far as limit. 0, or -1. */
int inflate_copy_stored(struct inflate *z, size_t limit);

/* Decodes until the block ends or limit is reached; a last match goes beyond it. 0, or -1. */
int inflate_decode(struct inflate *z, size_t limit);

static inline uint64_t load64(const unsigned char *p) {
	uint64_t value;
	memcpy(&value, p, 8);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? value : __builtin_bswap64(value);
}

/* At least 56 bits, of which those beyond the end are zeros. */
#define FILL(in, bits, count)        \
	do {                             \
		bits |= load64(in) << count; \
		in += (63 - count) >> 3;     \
		count |= 56;                 \
	} while (0)

static inline bool beyond(const struct inflate *z, const unsigned char *in, unsigned count) {
	return in > z->in_end && (size_t)(in - z->in_end) > count / 8;
}
