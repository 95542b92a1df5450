#define _GNU_SOURCE
#include "session/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bytes_put(struct bytes *b, const void *from, size_t size) {
	if (b->at + b->size + size > b->cap) {
		if (b->size > 0 && b->at > 0) memmove(b->data, b->data + b->at, b->size);
		b->at = 0;
		size_t cap = b->cap ? b->cap : 4096;
		while (cap < b->size + size) cap *= 2;
		unsigned char *grown = cap > b->cap ? realloc(b->data, cap) : b->data;
		if (!grown) return -1;
		b->data = grown;
		b->cap = cap;
	}
	if (size > 0) memcpy(b->data + b->at + b->size, from, size);
	b->size += size;
	return 0;
}

int bytes_write(struct bytes *b, int fd) {
	while (b->size > 0) {
		ssize_t n = write(fd, b->data + b->at, b->size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -1;
		b->at += (size_t)n;
		b->size -= (size_t)n;
	}
	b->at = 0;
	return 0;
}
