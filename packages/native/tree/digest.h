/* Digests of files and trees; see digest.c for what they cover. */
#pragma once
#include "layers/sha256.h"
#include "tree/known.h"
#include "tree/patterns.h"
#include "tree/tree.h"

struct digester {
	int root;
	struct known_files known; /* whose contents need not be read */
	FILE *index; /* where those of this tree are written for the next time; NULL */
	struct pattern_list include, exclude;
};

#define DIGEST_SIZE 32

/* The parts of an entry's digest: what is said of the file itself, and bytes with their length. */
void digest_look(SHA256_CTX *h, mode_t kind, mode_t permissions, uid_t uid, gid_t gid);
void digest_bytes(SHA256_CTX *h, const void *bytes, size_t size);

/* The digest of what lies at a path (as tree_resolve gives it), with all below it. bare: a directory's own attributes do not count. */
int digest_path(struct digester *d, const char *path, bool bare, unsigned char out[DIGEST_SIZE]);
