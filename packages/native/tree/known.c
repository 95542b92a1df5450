#define _GNU_SOURCE
#include "tree/known.h"
#include "layers/untar_report.h"
#include "tree/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST 32
#define TAIL (4 * 8 + DIGEST)

struct known_slot {
	const char *path; /* in a block; the numbers and the digest follow its zero byte */
};

static size_t hash(const char *text) {
	uint64_t h = 1469598103934665603ULL;
	for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	return (size_t)(h ^ h >> 29);
}

static struct known_slot *slot_of(struct known_slot *slots, size_t cap, const char *path) {
	size_t at = hash(path) & (cap - 1);
	while (slots[at].path && strcmp(slots[at].path, path) != 0) at = (at + 1) & (cap - 1);
	return &slots[at];
}

static int put(struct known_files *known, const char *path) {
	if ((known->count + 1) * 2 > known->cap) {
		size_t cap = known->cap ? known->cap * 2 : 1024;
		struct known_slot *grown = calloc(cap, sizeof *grown);
		if (!grown) return untar_fail("io", "out of memory");
		for (size_t i = 0; i < known->cap; i++)
			if (known->slots[i].path) *slot_of(grown, cap, known->slots[i].path) = known->slots[i];
		free(known->slots);
		known->slots = grown;
		known->cap = cap;
	}
	struct known_slot *slot = slot_of(known->slots, known->cap, path);
	known->count += slot->path == NULL;
	slot->path = path;
	return 0;
}

static char *read_block(const char *file, size_t *size) {
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat s;
	char *block = NULL;
	*size = 0;
	if (fd >= 0 && fstat(fd, &s) == 0 && (block = malloc((size_t)s.st_size + 1)))
		for (ssize_t n = 1; n > 0 && *size < (size_t)s.st_size;) {
			n = read(fd, block + *size, (size_t)s.st_size - *size);
			if (n > 0) *size += (size_t)n;
		}
	if (fd >= 0) close(fd);
	return block;
}

/* Takes the block; what is cut short is not known. */
static int take_block(struct known_files *known, char *block, size_t size) {
	char **grown = realloc(known->blocks, (known->block_count + 1) * sizeof *grown);
	if (!grown) {
		free(block);
		return untar_fail("io", "out of memory");
	}
	known->blocks = grown;
	known->blocks[known->block_count++] = block;
	for (const char *at = block, *end = block + size; at < end;) {
		const char *zero = memchr(at, 0, (size_t)(end - at));
		if (!zero || end - zero - 1 < TAIL) break;
		if (put(known, at) < 0) return -1;
		at = zero + 1 + TAIL;
	}
	return 0;
}

/* What is not there is not known. */
int known_read(struct known_files *known, const char *file) {
	size_t size;
	char *block = read_block(file, &size);
	return block ? take_block(known, block, size) : 0;
}

int known_read_list(struct known_files *known, const char *list) {
	struct listing l;
	struct listed e;
	size_t size = 0, room = 0;
	char *block = NULL;
	bool there = *list && listing_open(&l, list);
	if (*list && !there) listing_close(&l);
	while (there && listing_next(&l, &e) == 1) {
		size_t more = e.path_length + 1 + TAIL;
		if (!e.digest) continue;
		if (size + more > room) {
			room = (size + more) * 2;
			char *grown = realloc(block, room);
			if (!grown) {
				free(block);
				listing_close(&l);
				return untar_fail("io", "out of memory");
			}
			block = grown;
		}
		memcpy(block + size, e.path, e.path_length);
		memset(block + size + e.path_length, 0, 1 + TAIL - DIGEST);
		memcpy(block + size + more - DIGEST, e.digest, DIGEST);
		size += more;
	}
	if (there) listing_close(&l);
	return block ? take_block(known, block, size) : 0;
}

const unsigned char *known_find(const struct known_files *known, const char *path, const struct known_stamp *stamp) {
	if (known->cap == 0) return NULL;
	const char *found = slot_of(known->slots, known->cap, path)->path;
	if (!found) return NULL;
	struct known_stamp had;
	const char *tail = found + strlen(found) + 1;
	memcpy(&had, tail, sizeof had);
	bool same = had.inode == 0 || (had.born != 0 && memcmp(&had, stamp, sizeof had) == 0);
	return same ? (const unsigned char *)tail + sizeof had : NULL;
}

void known_write(FILE *index, const char *path, const struct known_stamp *stamp, const unsigned char digest[32]) {
	fwrite(path, 1, strlen(path) + 1, index);
	fwrite(stamp, sizeof *stamp, 1, index);
	fwrite(digest, 1, 32, index);
}

void known_free(struct known_files *known) {
	for (size_t i = 0; i < known->block_count; i++) free(known->blocks[i]);
	free(known->blocks);
	free(known->slots);
	*known = (struct known_files){0};
}
