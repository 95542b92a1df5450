/* Contents of files that were asked for, as they come: in pieces, several files' at once. */
#pragma once
#include "layers/receive.h"
#include "layers/sha256.h"

/* A file whose content has not come whole. */
struct coming {
	struct receive_record about;
	unsigned char *gathered; /* of one that is small so far */
	size_t size;
	int slot; /* of one that is written as it comes; -1: none */
	SHA256_CTX hash;
};

struct contents {
	struct receive_state tree;
	struct coming **coming; /* by the client's number */
	size_t cap, count;
};

void contents_start(struct contents *c, int root);
/* All answer 0, or -1 when they reported a failure. The record is the callee's from then on. */
int contents_expect(struct contents *c, struct receive_record *about);
/* A piece; an empty one ends the file: 1, and the digest of all. */
int contents_take(struct contents *c, uint32_t id, const unsigned char *data, size_t size, unsigned char digest[SHA256_DIGEST_LENGTH]);
void contents_free(struct contents *c);
