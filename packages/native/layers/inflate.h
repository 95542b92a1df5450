/*
 * gzip (RFC 1952, 1951): any number of members after each other, zeros after the last. Bytes are asked for as they are needed, and given out a piece at
 * a time. Checks lengths and checksums.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As read(2): at least one byte, 0 at the end, -1 and errno. */
typedef ssize_t inflate_source(void *context, void *buffer, size_t size);

struct inflate;

/* NULL: out of memory. */
struct inflate *inflate_new(inflate_source *source, void *context);
void inflate_free(struct inflate *z);

/* The next bytes, lent until the next call. 0 at the end; -1 on failure: inflate_error tells, or is NULL when the source failed by errno. */
ssize_t inflate_read(struct inflate *z, const unsigned char **bytes);
const char *inflate_error(const struct inflate *z);
