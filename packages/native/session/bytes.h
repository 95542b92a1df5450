/* Bytes on their way to a descriptor that does not wait. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct bytes {
	unsigned char *data;
	size_t at, size, cap; /* what waits is data[at .. at + size] */
};

/* -1: out of memory. */
int bytes_put(struct bytes *b, const void *from, size_t size);
/* Writes what the descriptor takes now. -1 and errno when it is broken. */
int bytes_write(struct bytes *b, int fd);
