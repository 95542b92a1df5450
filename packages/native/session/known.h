/*
 * What a client told of its folder the last time: a file of stats (fsutil.types.Stat), each behind its length, 4 bytes with the lowest first. As long as it tells
 * the same again, one behind the other, its messages go no further; the caller is told how many those were, before the first that it gets.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a stat that is compared; a larger one counts as another. */
#define KNOWN_MOST (64U << 10)

struct known {
	const unsigned char *list;
	size_t size, at;
	uint32_t number, count;
	uint64_t came; /* bytes of messages */
};

/* number: what the caller calls it by. NULL: there is no such list. */
struct known *known_open(uint32_t number, const char *path);
/* Whether a packet of this beginning may be a stat and nothing else. */
bool known_may_be(const unsigned char *packet, size_t size);
/* Whether the packet is the next stat of the list; then it is taken. */
bool known_take(struct known *k, const unsigned char *packet, size_t size);
void known_close(struct known *k);
