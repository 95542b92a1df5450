/* gzip (RFC 1952): members, their checksums, and the pieces that are given out. */
#define _GNU_SOURCE
#include "layers/inflate_state.h"

#include "layers/crc32.h"

#include <stddef.h>
#include <stdlib.h>

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

static int skip_text(struct inflate *z) {
	int64_t byte;
	do byte = inflate_take(z, 8);
	while (byte > 0);
	return byte < 0 ? -1 : 0;
}

/* The header of a member, or the end. Zeros after a member are padding. */
static int begin_member(struct inflate *z, bool first) {
	inflate_align(z);
	for (;;) {
		if (inflate_refill(z) < 0) return -1;
		if (z->in >= z->in_end) {
			if (first) return inflate_fail(z, "it is empty");
			z->phase = ENDED;
			return 0;
		}
		if (first || *z->in) break;
		z->in++;
	}
	int64_t magic = inflate_take(z, 16), method = inflate_take(z, 8), flags = inflate_take(z, 8);
	if (z->phase == FAILED) return -1;
	if (magic != 0x8b1f || method != 8 || flags & 0xe0) return inflate_fail(z, "incorrect header check");
	if (inflate_take(z, 32) < 0 || inflate_take(z, 16) < 0) return -1;
	if (flags & 4)
		for (int64_t extra = inflate_take(z, 16); extra > 0; extra--)
			if (inflate_take(z, 8) < 0) return -1;
	if ((flags & 8 && skip_text(z) < 0) || (flags & 16 && skip_text(z) < 0) || (flags & 2 && inflate_take(z, 16) < 0) || z->phase == FAILED)
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
	inflate_align(z);
	int64_t crc = inflate_take(z, 32), length = inflate_take(z, 32);
	if (z->phase == FAILED) return -1;
	if (crc != z->crc) return inflate_fail(z, "incorrect data check");
	if (length != z->length) return inflate_fail(z, "incorrect length check");
	return begin_member(z, false);
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
		case BLOCK: rc = inflate_begin_block(z); break;
		case STORED: rc = inflate_copy_stored(z, limit); break;
		case CODED: rc = inflate_decode(z, limit); break;
		case TRAILER: rc = end_member(z); break;
		default: rc = -1;
		}
	if (rc < 0) return -1;
	sum_up(z);
	*bytes = z->out + start;
	return (ssize_t)(z->at - start);
}
