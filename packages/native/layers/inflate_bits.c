/* Input, read as bits. */
#define _GNU_SOURCE
#include "layers/inflate_state.h"

int inflate_fail(struct inflate *z, const char *error) {
	if (z->phase != FAILED) {
		z->phase = FAILED;
		z->error = error;
	}
	return -1;
}

int inflate_refill(struct inflate *z) {
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

int64_t inflate_take(struct inflate *z, unsigned n) {
	if (z->count < n) {
		if (inflate_refill(z) < 0) return -1;
		FILL(z->in, z->bits, z->count);
	}
	if (beyond(z, z->in, z->count - n)) return inflate_fail(z, "it ends too early");
	int64_t value = (int64_t)(z->bits & ((UINT64_C(1) << n) - 1));
	z->bits >>= n;
	z->count -= n;
	return value;
}

void inflate_align(struct inflate *z) {
	unsigned whole = z->count / 8;
	z->in -= whole;
	z->bits = 0;
	z->count = 0;
}
