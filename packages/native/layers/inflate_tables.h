/* Huffman codes of deflate as tables for a decoder that looks at several bits at once. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * One entry: bits 0-4 the length of the code (in a subtable: what is beyond the root's bits); bits 5-7 the kind; bits 8-12 extra bits that follow, or the
 * bits that choose in the subtable; bits 16-31 the literal, the base, or where the subtable begins.
 */
#define ENTRY_LITERAL (1U << 5)
#define ENTRY_SUBTABLE (2U << 5)
#define ENTRY_END (3U << 5)
#define ENTRY_INVALID (4U << 5)
#define ENTRY_KIND (7U << 5)

#define LITERAL_BITS 11
#define DISTANCE_BITS 8
#define LENGTH_BITS 7

/* As many entries as the worst complete code of 15 bits needs (zlib's `enough` counts them: 2342 for 286 symbols, 402 for 30). */
#define LITERAL_SIZE 2400
#define DISTANCE_SIZE 448
#define LENGTH_SIZE 128

enum inflate_code { CODE_LENGTHS, CODE_LITERALS, CODE_DISTANCES };

/* False: the lengths make no code. As zlib, a single code of one bit may stand alone, and there may be none. */
bool inflate_table(enum inflate_code code, const uint8_t *lengths, unsigned count, uint32_t *table);
