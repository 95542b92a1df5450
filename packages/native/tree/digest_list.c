/*
 * The checksum of a whole tree out of the list that it was made by, without a look at the tree: the list's path. Answered: 32 bytes, those that the walk of digest.c
 * gives; nothing where the list does not tell all that counts (hard links, attributes, devices) or is not there any more.
 */
#define _GNU_SOURCE
#include "tree/digest.h"
#include "tree/listing.h"

#include <string.h>
#include <sys/stat.h>

struct fold {
	struct listing list;
	struct listed next;
	int more; /* as listing_next told of next */
	bool unclear;
};

static void advance(struct fold *f) {
	f->more = listing_next(&f->list, &f->next);
	if (f->more < 0) f->unclear = true;
}

/* The name of the next file, where it lies in the directory. */
static const char *name_in(const struct fold *f, const char *dir, size_t length) {
	const struct listed *e = &f->next;
	if (f->more != 1 || f->unclear) return NULL;
	if (length == 0) return memchr(e->path, '/', e->path_length) ? NULL : e->path;
	bool below = e->path_length > length + 1 && e->path[length] == '/' && memcmp(e->path, dir, length) == 0;
	return below && !memchr(e->path + length + 1, '/', e->path_length - length - 1) ? e->path + length + 1 : NULL;
}

static void fold_below(struct fold *f, SHA256_CTX *h, const char *dir, size_t length);

static void fold_entry(struct fold *f, unsigned char out[DIGEST_SIZE]) {
	const struct listed e = f->next;
	SHA256_CTX h;
	mode_t kind = e.mode & LISTED_DIR ? S_IFDIR : e.mode & LISTED_SYMLINK ? S_IFLNK : S_IFREG;
	if ((e.mode & LISTED_OTHER) || e.has_xattrs || (kind == S_IFREG && (e.link_length > 0 || !e.digest))) f->unclear = true;
	SHA256_Init(&h);
	digest_look(&h, kind, listed_permissions(&e), e.uid, e.gid);
	if (kind == S_IFREG && e.digest) SHA256_Update(&h, e.digest, DIGEST_SIZE);
	if (kind == S_IFLNK) digest_bytes(&h, e.link, e.link_length);
	advance(f);
	if (kind == S_IFDIR) fold_below(f, &h, e.path, e.path_length);
	SHA256_Final(out, &h);
}

static void fold_below(struct fold *f, SHA256_CTX *h, const char *dir, size_t length) {
	unsigned char digest[DIGEST_SIZE];
	for (const char *name = name_in(f, dir, length); name; name = name_in(f, dir, length)) {
		size_t size = f->next.path_length - (size_t)(name - f->next.path);
		fold_entry(f, digest);
		digest_bytes(h, name, size);
		SHA256_Update(h, digest, sizeof digest);
	}
}

int tree_run_digest_list(struct tree_request *r, FILE *out) {
	struct fold f = {0};
	unsigned char digest[DIGEST_SIZE];
	SHA256_CTX h;
	f.unclear = !listing_open(&f.list, tree_text(r, NULL));
	SHA256_Init(&h);
	if (!f.unclear) advance(&f);
	fold_below(&f, &h, "", 0);
	SHA256_Final(digest, &h);
	if (!f.unclear && f.more == 0) fwrite(digest, 1, sizeof digest, out);
	listing_close(&f.list);
	return 0;
}
