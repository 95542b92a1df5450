#define _GNU_SOURCE
#include "inflate.h"
#include "crc32.h"
#include "inflate_tables.h"

#include <stddef.h>
#include <stdlib.h>
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

struct inflate *inflate_new(inflate_source *source, void *context) {
	struct inflate *z = malloc(sizeof *z);
	if (!z) return NULL;
	memset(z, 0, offsetof(struct inflate, literals));
	z->source = source;
	z->context = context;
	z->in = z->in_end = z->input + HELD;
	memset(z->input, 0, HELD + SLACK);
	return z;
}

void inflate_free(struct inflate *z) { free(z); }

const char *inflate_error(const struct inflate *z) { return z->error; }

static int fail(struct inflate *z, const char *error) {
	if (z->phase != FAILED) {
		z->phase = FAILED;
		z->error = error;
	}
	return -1;
}

/* Brings more input, unless there is enough to decode from or no more comes. */
static int refill(struct inflate *z) {
	if (z->drained || z->in_end - z->in >= SLACK) return 0;
	if (z->in > z->in_end) /* loaded from the zeros: only possible when the source had ended */
		return 0;
	size_t rest = (size_t)(z->in_end - z->in);
	memmove(z->input, z->in - HELD, HELD + rest);
	z->in = z->input + HELD;
	while (rest < SLACK && !z->drained) {
		ssize_t n = z->source(z->context, z->in + rest, INPUT - rest);
		if (n < 0) {
			z->phase = FAILED;
			return -1;
		}
		z->drained = n == 0;
		rest += (size_t)n;
	}
	z->in_end = z->in + rest;
	memset(z->in_end, 0, SLACK);
	return 0;
}

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

/* Up to 32 bits as a number; -1 when the input ends before. Everything but the inner loop reads by this. */
static int64_t take(struct inflate *z, unsigned n) {
	if (z->count < n) {
		if (refill(z) < 0) return -1;
		FILL(z->in, z->bits, z->count);
	}
	if (beyond(z, z->in, z->count - n)) return fail(z, "it ends too early");
	int64_t value = (int64_t)(z->bits & ((UINT64_C(1) << n) - 1));
	z->bits >>= n;
	z->count -= n;
	return value;
}

/* Gives whole bytes back from the bit buffer; the bits up to the next byte are dropped. */
static void align(struct inflate *z) {
	unsigned whole = z->count / 8;
	z->in -= whole;
	z->bits = 0;
	z->count = 0;
}

static int skip_text(struct inflate *z) {
	int64_t byte;
	do byte = take(z, 8);
	while (byte > 0);
	return byte < 0 ? -1 : 0;
}

/* The header of a member, or the end. Zeros after a member are padding. */
static int begin_member(struct inflate *z, bool first) {
	align(z);
	for (;;) {
		if (refill(z) < 0) return -1;
		if (z->in >= z->in_end) {
			if (first) return fail(z, "it is empty");
			z->phase = ENDED;
			return 0;
		}
		if (first || *z->in) break;
		z->in++;
	}
	int64_t magic = take(z, 16), method = take(z, 8), flags = take(z, 8);
	if (z->phase == FAILED) return -1;
	if (magic != 0x8b1f || method != 8 || flags & 0xe0) return fail(z, "incorrect header check");
	if (take(z, 32) < 0 || take(z, 16) < 0) return -1;
	if (flags & 4)
		for (int64_t extra = take(z, 16); extra > 0; extra--)
			if (take(z, 8) < 0) return -1;
	if ((flags & 8 && skip_text(z) < 0) || (flags & 16 && skip_text(z) < 0) || (flags & 2 && take(z, 16) < 0) || z->phase == FAILED)
		return -1;
	z->crc = 0;
	z->length = 0;
	z->member = z->at;
	z->phase = BLOCK;
	return 0;
}

static void sum_up(struct inflate *z) {
	z->crc = crc32_update(z->crc, z->out + z->summed, z->at - z->summed);
	z->length += (uint32_t)(z->at - z->summed);
	z->summed = z->at;
}

static int end_member(struct inflate *z) {
	sum_up(z);
	align(z);
	int64_t crc = take(z, 32), length = take(z, 32);
	if (z->phase == FAILED) return -1;
	if (crc != z->crc) return fail(z, "incorrect data check");
	if (length != z->length) return fail(z, "incorrect length check");
	return begin_member(z, false);
}

static int fixed_codes(struct inflate *z) {
	uint8_t lengths[288], five[32];
	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	memset(five, 5, sizeof five);
	return inflate_table(CODE_LITERALS, lengths, 288, z->literals) && inflate_table(CODE_DISTANCES, five, 32, z->distances)
	           ? 0
	           : fail(z, "invalid codes");
}

static int dynamic_codes(struct inflate *z) {
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint32_t table[LENGTH_SIZE];
	uint8_t lengths[286 + 30] = {0}, code[19] = {0};
	int64_t literals = take(z, 5) + 257, distances = take(z, 5) + 1, codes = take(z, 4) + 4;
	if (z->phase == FAILED) return -1;
	if (literals > 286 || distances > 30) return fail(z, "too many length or distance symbols");
	for (int i = 0; i < codes; i++) {
		int64_t length = take(z, 3);
		if (length < 0) return -1;
		code[order[i]] = (uint8_t)length;
	}
	if (!inflate_table(CODE_LENGTHS, code, 19, table)) return fail(z, "invalid code lengths set");
	for (unsigned at = 0, all = (unsigned)(literals + distances); at < all;) {
		if (z->count < 7 + 7) {
			if (refill(z) < 0) return -1;
			FILL(z->in, z->bits, z->count);
		}
		uint32_t entry = table[z->bits & ((1U << LENGTH_BITS) - 1)];
		if ((entry & ENTRY_KIND) == ENTRY_INVALID) return fail(z, "invalid code lengths set");
		if (take(z, entry & 31) < 0) return -1;
		unsigned symbol = entry >> 16, again = 1;
		uint8_t value = (uint8_t)symbol;
		if (symbol >= 16) {
			int64_t more = take(z, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
			if (more < 0) return -1;
			if (symbol == 16 && at == 0) return fail(z, "invalid bit length repeat");
			value = symbol == 16 ? lengths[at - 1] : 0;
			again = (unsigned)more + (symbol == 18 ? 11 : 3);
		}
		if (again > all - at) return fail(z, "invalid bit length repeat");
		memset(lengths + at, value, again);
		at += again;
	}
	if (lengths[256] == 0) return fail(z, "invalid code: missing end of block");
	if (!inflate_table(CODE_LITERALS, lengths, (unsigned)literals, z->literals)) return fail(z, "invalid literal or length code");
	return inflate_table(CODE_DISTANCES, lengths + literals, (unsigned)distances, z->distances) ? 0 : fail(z, "invalid distances set");
}

static int begin_block(struct inflate *z) {
	if (z->last) {
		z->last = false;
		z->phase = TRAILER;
		return 0;
	}
	int64_t head = take(z, 3);
	if (head < 0) return -1;
	z->last = head & 1;
	if (head >> 1 == 0) {
		align(z);
		int64_t length = take(z, 16), inverse = take(z, 16);
		if (z->phase == FAILED) return -1;
		if (length != (~inverse & 0xffff)) return fail(z, "invalid stored block lengths");
		align(z);
		z->stored = (unsigned)length;
		z->phase = STORED;
		return 0;
	}
	if (head >> 1 == 3) return fail(z, "invalid block type");
	z->phase = CODED;
	return head >> 1 == 1 ? fixed_codes(z) : dynamic_codes(z);
}

static int copy_stored(struct inflate *z, size_t limit) {
	while (z->stored > 0 && z->at < limit) {
		if (refill(z) < 0) return -1;
		if (z->in >= z->in_end) return fail(z, "it ends too early");
		size_t n = (size_t)(z->in_end - z->in);
		n = n < z->stored ? n : z->stored;
		n = n < limit - z->at ? n : limit - z->at;
		memcpy(z->out + z->at, z->in, n);
		z->at += n;
		z->in += n;
		z->stored -= (unsigned)n;
	}
	if (z->stored == 0) z->phase = BLOCK;
	return 0;
}

/* At least length bytes from distance before; up to SPILL more may be written. */
static inline void copy_match(unsigned char *to, size_t distance, size_t length) {
	const unsigned char *from = to - distance, *end = to + length;
	if (distance >= 16) {
		do {
			memcpy(to, from, 16);
			to += 16;
			from += 16;
		} while (to < end);
	} else if (distance >= 8) {
		do {
			memcpy(to, from, 8);
			to += 8;
			from += 8;
		} while (to < end);
	} else if (distance == 1) {
		memset(to, *from, length);
	} else {
		do *to++ = *from++;
		while (to < end);
	}
}

/* Decodes until the block ends or limit is reached; a last match goes beyond it. */
static int decode(struct inflate *z, size_t limit) {
	const unsigned char *in = z->in;
	uint64_t bits = z->bits;
	unsigned count = z->count;
	unsigned char *to = z->out + z->at;
	unsigned char *const end = z->out + limit, *const begin = z->out + z->member;
	const char *error = NULL;
	int rc = 0;
	while (to < end) {
		if (z->in_end - in < SLACK) {
			z->in = (unsigned char *)in;
			if (refill(z) < 0) {
				rc = -1;
				break;
			}
			in = z->in;
			if (beyond(z, in, count)) {
				error = "it ends too early";
				break;
			}
		}
		FILL(in, bits, count);
		uint32_t entry = z->literals[bits & ((1U << LITERAL_BITS) - 1)];
		if ((entry & ENTRY_KIND) == ENTRY_LITERAL) {
			/* Two more literals of the root's table fit into the 56 bits, and a whole match after the next fill. */
			bits >>= entry & 31;
			count -= entry & 31;
			*to++ = (unsigned char)(entry >> 16);
			entry = z->literals[bits & ((1U << LITERAL_BITS) - 1)];
			if ((entry & ENTRY_KIND) == ENTRY_LITERAL) {
				bits >>= entry & 31;
				count -= entry & 31;
				*to++ = (unsigned char)(entry >> 16);
				entry = z->literals[bits & ((1U << LITERAL_BITS) - 1)];
				if ((entry & ENTRY_KIND) == ENTRY_LITERAL) {
					bits >>= entry & 31;
					count -= entry & 31;
					*to++ = (unsigned char)(entry >> 16);
					continue;
				}
			}
			FILL(in, bits, count);
		}
		if ((entry & ENTRY_KIND) == ENTRY_SUBTABLE) {
			bits >>= LITERAL_BITS;
			count -= LITERAL_BITS;
			entry = z->literals[(entry >> 16) + (bits & ((1U << (entry >> 8 & 31)) - 1))];
		}
		bits >>= entry & 31;
		count -= entry & 31;
		if (entry & ENTRY_KIND) {
			if ((entry & ENTRY_KIND) == ENTRY_LITERAL) {
				*to++ = (unsigned char)(entry >> 16);
				continue;
			}
			if ((entry & ENTRY_KIND) == ENTRY_END) z->phase = BLOCK;
			else error = "invalid literal or length code";
			break;
		}
		unsigned extra = entry >> 8 & 31;
		size_t length = (entry >> 16) + (bits & ((1U << extra) - 1));
		bits >>= extra;
		count -= extra;
		entry = z->distances[bits & ((1U << DISTANCE_BITS) - 1)];
		if ((entry & ENTRY_KIND) == ENTRY_SUBTABLE) {
			bits >>= DISTANCE_BITS;
			count -= DISTANCE_BITS;
			entry = z->distances[(entry >> 16) + (bits & ((1U << (entry >> 8 & 31)) - 1))];
		}
		bits >>= entry & 31;
		count -= entry & 31;
		if (entry & ENTRY_KIND) {
			error = "invalid distance code";
			break;
		}
		extra = entry >> 8 & 31;
		size_t distance = (entry >> 16) + (bits & ((1U << extra) - 1));
		bits >>= extra;
		count -= extra;
		if (distance > (size_t)(to - begin)) {
			error = "invalid distance too far back";
			break;
		}
		copy_match(to, distance, length);
		to += length;
	}
	z->in = (unsigned char *)in;
	z->bits = bits & (count == 0 ? 0 : ~UINT64_C(0) >> (64 - count));
	z->count = count;
	z->at = (size_t)(to - z->out);
	if (error) return fail(z, error);
	if (rc == 0 && beyond(z, z->in, z->count)) return fail(z, "it ends too early");
	return rc;
}

ssize_t inflate_read(struct inflate *z, const unsigned char **bytes) {
	if (z->at > HISTORY) {
		size_t drop = z->at - HISTORY;
		memmove(z->out, z->out + drop, HISTORY);
		z->member = z->member > drop ? z->member - drop : 0;
		z->at = HISTORY;
		z->summed = HISTORY;
	}
	const size_t start = z->at, limit = HISTORY + PIECE;
	bool first = z->phase == MEMBER;
	int rc = 0;
	while (rc == 0 && z->phase != ENDED && z->at < limit) switch (z->phase) {
		case MEMBER: rc = begin_member(z, first); break;
		case BLOCK: rc = begin_block(z); break;
		case STORED: rc = copy_stored(z, limit); break;
		case CODED: rc = decode(z, limit); break;
		case TRAILER: rc = end_member(z); break;
		default: rc = -1;
		}
	if (rc < 0) return -1;
	sum_up(z);
	*bytes = z->out + start;
	return (ssize_t)(z->at - start);
}
