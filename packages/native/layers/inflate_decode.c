/* The inner loop: literals and matches of one block. */
#define _GNU_SOURCE
#include "layers/inflate_state.h"

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

int inflate_decode(struct inflate *z, size_t limit) {
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
			if (inflate_refill(z) < 0) {
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
	if (error) return inflate_fail(z, error);
	if (rc == 0 && beyond(z, z->in, z->count)) return inflate_fail(z, "it ends too early");
	return rc;
}
