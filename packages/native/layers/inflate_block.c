/* Blocks of deflate (RFC 1951): their headers, their codes, and those that are stored as they are. */
#define _GNU_SOURCE
#include "layers/inflate_state.h"

static int fixed_codes(struct inflate *z) {
	uint8_t lengths[288], five[32];
	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	memset(five, 5, sizeof five);
	return inflate_table(CODE_LITERALS, lengths, 288, z->literals) && inflate_table(CODE_DISTANCES, five, 32, z->distances)
	           ? 0
	           : inflate_fail(z, "invalid codes");
}

static int dynamic_codes(struct inflate *z) {
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint32_t table[LENGTH_SIZE];
	uint8_t lengths[286 + 30] = {0}, code[19] = {0};
	int64_t literals = inflate_take(z, 5) + 257, distances = inflate_take(z, 5) + 1, codes = inflate_take(z, 4) + 4;
	if (z->phase == FAILED) return -1;
	if (literals > 286 || distances > 30) return inflate_fail(z, "too many length or distance symbols");
	for (int i = 0; i < codes; i++) {
		int64_t length = inflate_take(z, 3);
		if (length < 0) return -1;
		code[order[i]] = (uint8_t)length;
	}
	if (!inflate_table(CODE_LENGTHS, code, 19, table)) return inflate_fail(z, "invalid code lengths set");
	for (unsigned at = 0, all = (unsigned)(literals + distances); at < all;) {
		if (z->count < 7 + 7) {
			if (inflate_refill(z) < 0) return -1;
			FILL(z->in, z->bits, z->count);
		}
		uint32_t entry = table[z->bits & ((1U << LENGTH_BITS) - 1)];
		if ((entry & ENTRY_KIND) == ENTRY_INVALID) return inflate_fail(z, "invalid code lengths set");
		if (inflate_take(z, entry & 31) < 0) return -1;
		unsigned symbol = entry >> 16, again = 1;
		uint8_t value = (uint8_t)symbol;
		if (symbol >= 16) {
			int64_t more = inflate_take(z, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
			if (more < 0) return -1;
			if (symbol == 16 && at == 0) return inflate_fail(z, "invalid bit length repeat");
			value = symbol == 16 ? lengths[at - 1] : 0;
			again = (unsigned)more + (symbol == 18 ? 11 : 3);
		}
		if (again > all - at) return inflate_fail(z, "invalid bit length repeat");
		memset(lengths + at, value, again);
		at += again;
	}
	if (lengths[256] == 0) return inflate_fail(z, "invalid code: missing end of block");
	if (!inflate_table(CODE_LITERALS, lengths, (unsigned)literals, z->literals)) return inflate_fail(z, "invalid literal or length code");
	return inflate_table(CODE_DISTANCES, lengths + literals, (unsigned)distances, z->distances) ? 0
	                                                                                            : inflate_fail(z, "invalid distances set");
}

int inflate_begin_block(struct inflate *z) {
	if (z->last) {
		z->last = false;
		z->phase = TRAILER;
		return 0;
	}
	int64_t head = inflate_take(z, 3);
	if (head < 0) return -1;
	z->last = head & 1;
	if (head >> 1 == 0) {
		inflate_align(z);
		int64_t length = inflate_take(z, 16), inverse = inflate_take(z, 16);
		if (z->phase == FAILED) return -1;
		if (length != (~inverse & 0xffff)) return inflate_fail(z, "invalid stored block lengths");
		inflate_align(z);
		z->stored = (unsigned)length;
		z->phase = STORED;
		return 0;
	}
	if (head >> 1 == 3) return inflate_fail(z, "invalid block type");
	z->phase = CODED;
	return head >> 1 == 1 ? fixed_codes(z) : dynamic_codes(z);
}

int inflate_copy_stored(struct inflate *z, size_t limit) {
	while (z->stored > 0 && z->at < limit) {
		if (inflate_refill(z) < 0) return -1;
		if (z->in >= z->in_end) return inflate_fail(z, "it ends too early");
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
