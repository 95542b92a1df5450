/*
 * The list that a client sent of its folder, as the local source keeps it (packages/builder/src/sources/local/listing.ts): a length of 4 bytes, little endian, and a
 * fsutil.types.Stat, for every file, in the order of a walk. Beside it, in LIST.digests, 32 bytes a file: SHA-256 of its content, zeros where it has none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listing {
	unsigned char *bytes, *digests;
	size_t size, at, count, next;
};

/* One file; texts are lent and end nowhere but at their length. */
struct listed {
	const char *path, *link;
	size_t path_length, link_length;
	uint64_t mode; /* Go's os.FileMode */
	uint32_t uid, gid;
	bool has_xattrs;
	const unsigned char *digest; /* NULL: there is none */
};

#define LISTED_DIR (UINT64_C(1) << 31)
#define LISTED_SYMLINK (UINT64_C(1) << 27)
/* What neither a regular file is, nor a directory, nor a symbolic link. */
#define LISTED_OTHER (UINT64_C(7) << 24 | UINT64_C(1) << 21 | UINT64_C(1) << 19)

/* Whether the list is there and can be read. */
bool listing_open(struct listing *l, const char *path);
/* 1: there was one more; 0: that was all; -1: the list is broken. */
int listing_next(struct listing *l, struct listed *e);
void listing_close(struct listing *l);

/* Permissions as chmod(2) takes them. */
mode_t listed_permissions(const struct listed *e);
