#define _GNU_SOURCE
#include "layers/crc32.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0xedb88320U /* reflected */

static uint32_t tables[8][256];

static void make_tables(void) {
	if (tables[0][1]) return;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
		tables[0][i] = c;
	}
	for (int k = 1; k < 8; k++)
		for (int i = 0; i < 256; i++) tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255];
}

/* Eight bytes at a time; c is the inverted sum. */
static uint32_t by_table(uint32_t c, const unsigned char *p, size_t size) {
	make_tables();
	for (; size >= 8; p += 8, size -= 8) {
		uint32_t a = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		c = tables[7][a & 255] ^ tables[6][a >> 8 & 255] ^ tables[5][a >> 16 & 255] ^ tables[4][a >> 24] ^ tables[3][p[4]] ^
		    tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
	}
	for (; size > 0; p++, size--) c = c >> 8 ^ tables[0][(c ^ *p) & 255];
	return c;
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static bool has_products(void) {
	unsigned a, b, c = 0, d;
	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_PCLMUL && c & bit_SSE4_1;
}

/*
 * Carry-less products fold four lanes of 16 bytes over the data; what is left is reduced (V. Gopal et al., Fast CRC Computation for Generic Polynomials
 * Using PCLMULQDQ, 2009). size: at least 64, a multiple of 16.
 */
__attribute__((target("pclmul,sse4.1"))) static uint32_t by_products(uint32_t c, const unsigned char *p, size_t size) {
	const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), near = _mm_set_epi64x(0xccaa009e, 0x1751997d0);
	const __m128i low = _mm_setr_epi32(-1, 0, -1, 0);
	__m128i x[4];
	for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)c));
	for (p += 64, size -= 64; size >= 64; p += 64, size -= 64)
		for (int i = 0; i < 4; i++) {
			__m128i fresh = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
			x[i] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[i], far, 0x00), _mm_clmulepi64_si128(x[i], far, 0x11)), fresh);
		}
	__m128i sum = x[0];
	for (int i = 1; i < 4; i++)
		sum = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(sum, near, 0x00), _mm_clmulepi64_si128(sum, near, 0x11)), x[i]);
	for (; size >= 16; p += 16, size -= 16)
		sum = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(sum, near, 0x00), _mm_clmulepi64_si128(sum, near, 0x11)),
		    _mm_loadu_si128((const __m128i *)(const void *)p));
	sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, near, 0x10));
	sum = _mm_xor_si128(_mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, low), _mm_set_epi64x(0, 0x163cd6124), 0x00));
	const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
	__m128i quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low), barrett, 0x10), low);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, _mm_clmulepi64_si128(quotient, barrett, 0x00)), 1);
}
#endif

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size) {
	const unsigned char *p = bytes;
	uint32_t c = ~crc;
#ifdef __x86_64__
	static int products = -1;
	if (products < 0) products = has_products();
	if (products && size >= 64) {
		size_t whole = size & ~(size_t)15;
		c = by_products(c, p, whole);
		p += whole;
		size -= whole;
	}
#endif
	return ~by_table(c, p, size);
}
