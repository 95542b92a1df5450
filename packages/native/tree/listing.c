#define _GNU_SOURCE
#include "tree/listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST 32

static unsigned char *read_whole(const char *path, size_t *size) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat s;
	unsigned char *bytes = NULL;
	*size = 0;
	if (fd >= 0 && fstat(fd, &s) == 0 && (bytes = malloc((size_t)s.st_size + 1)))
		for (ssize_t n = 1; n > 0 && *size<(size_t)s.st_size; *size += n> 0 ? (size_t)n : 0)
			n = read(fd, bytes + *size, (size_t)s.st_size - *size);
	if (fd >= 0) close(fd);
	return bytes;
}

bool listing_open(struct listing *l, const char *path) {
	char *beside = NULL;
	size_t size = 0;
	*l = (struct listing){0};
	if (asprintf(&beside, "%s.digests", path) < 0) return false;
	l->bytes = read_whole(path, &l->size);
	l->digests = read_whole(beside, &size);
	l->count = size / DIGEST;
	free(beside);
	return l->bytes && l->digests;
}

void listing_close(struct listing *l) {
	free(l->bytes);
	free(l->digests);
	*l = (struct listing){0};
}

struct field {
	unsigned number;
	uint64_t value;
	const unsigned char *bytes; /* NULL: it is a number */
};

static bool read_varint(const unsigned char **at, const unsigned char *end, uint64_t *value) {
	*value = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		if (*at == end) return false;
		unsigned char byte = *(*at)++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) return true;
	}
	return false;
}

static bool read_field(const unsigned char **at, const unsigned char *end, struct field *f) {
	uint64_t tag;
	if (!read_varint(at, end, &tag)) return false;
	*f = (struct field){.number = (unsigned)(tag >> 3)};
	if ((tag & 7) == 0) return read_varint(at, end, &f->value);
	size_t fixed = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
	if (fixed > 0) f->value = fixed;
	else if ((tag & 7) != 2 || !read_varint(at, end, &f->value)) return false;
	if (f->value > (uint64_t)(end - *at)) return false;
	f->bytes = *at;
	*at += f->value;
	return true;
}

static void take_field(struct listed *e, const struct field *f) {
	if (f->bytes) {
		if (f->number == 1) e->path = (const char *)f->bytes, e->path_length = (size_t)f->value;
		else if (f->number == 7) e->link = (const char *)f->bytes, e->link_length = (size_t)f->value;
		else if (f->number == 10) e->has_xattrs = true;
	} else if (f->number == 2) e->mode = f->value;
	else if (f->number == 3) e->uid = (uint32_t)f->value;
	else if (f->number == 4) e->gid = (uint32_t)f->value;
}

int listing_next(struct listing *l, struct listed *e) {
	static const unsigned char none[DIGEST];
	uint32_t length;
	if (l->at == l->size) return 0;
	if (l->size - l->at < sizeof length || l->next == l->count) return -1;
	memcpy(&length, l->bytes + l->at, sizeof length);
	l->at += sizeof length;
	if (length > l->size - l->at) return -1;
	*e = (struct listed){.path = "", .link = ""};
	const unsigned char *at = l->bytes + l->at, *end = at + length;
	struct field f;
	while (at < end) {
		if (!read_field(&at, end, &f)) return -1;
		take_field(e, &f);
	}
	l->at += length;
	const unsigned char *digest = l->digests + DIGEST * l->next++;
	e->digest = memcmp(digest, none, DIGEST) == 0 ? NULL : digest;
	return 1;
}

mode_t listed_permissions(const struct listed *e) {
	mode_t mode = e->mode & 0777;
	if (e->mode >> 23 & 1) mode |= 04000;
	if (e->mode >> 22 & 1) mode |= 02000;
	if (e->mode >> 20 & 1) mode |= 01000;
	return mode;
}
