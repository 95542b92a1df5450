/*
 * One request of mode `tree`: fields one after the other. A number is 8 bytes, little endian; a text is a number (its length), its bytes and a zero byte. What
 * is missing or does not fit makes the request broken: everything read after that is empty.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_request {
	const unsigned char *at, *end;
	bool broken;
};

int64_t tree_number(struct tree_request *r);
/* Lent, as long as the request lives; length may be NULL. */
const char *tree_text(struct tree_request *r, size_t *length);

/* A list: its length, then the texts. The vector is the caller's to free, with a NULL at the end; NULL when the request is broken. */
const char **tree_texts(struct tree_request *r);
