/*
 * gzip (RFC 1952) of a stream by libdeflate, several blocks at once: each block of SQUEEZE_BLOCK bytes is a member of its own, so that the outcome hangs on the
 * bytes, the level and libdeflate alone and not on how many threads there are or how the bytes came. SHA-256 of what goes in and of what comes out is taken
 * on the way.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SQUEEZE_BLOCK (1U << 20)
/* gzip's own range; 0 stores. */
#define SQUEEZE_MOST 9
/* As it is: written and hashed, not compressed. */
#define SQUEEZE_PLAIN (-1)

struct squeeze;

struct squeeze_outcome {
	char taken_digest[65], given_digest[65]; /* hexadecimal */
	uint64_t taken, given; /* bytes */
};

/* Writes to fd, which stays the caller's, all but the first `skip` bytes. NULL: out of memory, or no thread. */
struct squeeze *squeeze_new(int fd, int level, uint64_t skip);

/* 0, or -1 and errno: of the write that failed, possibly of an earlier block. */
int squeeze_put(struct squeeze *z, const void *bytes, size_t size);

/* Writes the rest and frees. 0, or -1 and errno. */
int squeeze_end(struct squeeze *z, struct squeeze_outcome *outcome);

/* The one line that modes tell their caller: {"digest","size","diffId"}. */
void squeeze_report(const struct squeeze_outcome *outcome);
