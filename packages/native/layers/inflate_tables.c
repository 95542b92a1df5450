#include "layers/inflate_tables.h"

#include <string.h>

#define LONGEST 15

static const struct {
	unsigned root, size;
} shapes[] = {{LENGTH_BITS, LENGTH_SIZE}, {LITERAL_BITS, LITERAL_SIZE}, {DISTANCE_BITS, DISTANCE_SIZE}};

/* What a symbol means, without the length of its code. */
static uint32_t meaning(enum inflate_code code, unsigned symbol) {
	static const uint16_t length_base[29] = {
	    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
	if (code == CODE_LENGTHS) return symbol << 16;
	if (code == CODE_DISTANCES) {
		if (symbol >= 30) return ENTRY_INVALID;
		unsigned extra = symbol < 2 ? 0 : symbol / 2 - 1;
		unsigned base = symbol < 2 ? symbol + 1 : ((2 + (symbol & 1)) << extra) + 1;
		return base << 16 | extra << 8;
	}
	if (symbol < 256) return symbol << 16 | ENTRY_LITERAL;
	if (symbol == 256) return ENTRY_END;
	if (symbol > 285) return ENTRY_INVALID;
	return (uint32_t)length_base[symbol - 257] << 16 | (uint32_t)length_extra[symbol - 257] << 8;
}

static unsigned reversed(unsigned code, unsigned length) {
	unsigned out = 0;
	for (unsigned i = 0; i < length; i++) out |= ((code >> i) & 1) << (length - 1 - i);
	return out;
}

/* Bits that the subtable of the codes beginning at `at` needs: enough for those that share the root's bits. */
static unsigned subtable_bits(const uint16_t *counts, unsigned length, unsigned root) {
	unsigned bits = length - root;
	int left = 1 << bits;
	while (length < LONGEST) {
		left -= counts[length];
		if (left <= 0) break;
		length++;
		bits++;
		left <<= 1;
	}
	return bits;
}

bool inflate_table(enum inflate_code code, const uint8_t *lengths, unsigned count, uint32_t *table) {
	const unsigned root = shapes[code].root, size = shapes[code].size;
	uint16_t counts[LONGEST + 1] = {0}, offsets[LONGEST + 2], sorted[288];
	for (unsigned i = 0; i < count; i++) counts[lengths[i]]++;
	int left = 1;
	unsigned longest = 0;
	for (unsigned length = 1; length <= LONGEST; length++) {
		left = (left << 1) - counts[length];
		if (left < 0) return false;
		if (counts[length]) longest = length;
	}
	if (left > 0 && (longest > 1 || (code == CODE_LENGTHS))) return false;
	for (unsigned i = 0; i < size; i++) table[i] = ENTRY_INVALID | 1;
	offsets[1] = 0;
	for (unsigned length = 1; length <= LONGEST; length++) offsets[length + 1] = (uint16_t)(offsets[length] + counts[length]);
	const unsigned used = offsets[LONGEST + 1];
	for (unsigned i = 0; i < count; i++)
		if (lengths[i]) sorted[offsets[lengths[i]]++] = (uint16_t)i;

	uint16_t open[LONGEST + 1]; /* codes of a length that are still to come */
	memcpy(open, counts, sizeof open);
	unsigned next = 1U << root, bits = 0, start = 0, prefix = ~0U, canonical = 0, length = 0;
	for (unsigned i = 0; i < used; i++) {
		const unsigned symbol = sorted[i], own = lengths[symbol];
		canonical <<= own - length;
		length = own;
		const unsigned word = reversed(canonical++, length);
		uint32_t entry = meaning(code, symbol);
		if (length <= root) {
			for (unsigned at = word; at < 1U << root; at += 1U << length) table[at] = entry | length;
		} else {
			const unsigned low = word & ((1U << root) - 1);
			if (low != prefix) {
				prefix = low;
				bits = subtable_bits(open, length, root);
				start = next;
				next += 1U << bits;
				if (next > size) return false; /* never, for a complete code */
				table[low] = start << 16 | bits << 8 | ENTRY_SUBTABLE | root;
			}
			for (unsigned at = word >> root; at < 1U << bits; at += 1U << (length - root)) table[start + at] = entry | (length - root);
		}
		open[length]--;
	}
	return true;
}
