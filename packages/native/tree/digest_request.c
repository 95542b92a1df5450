/*
 * A checksum: the tree's mounts; path, follow links, path is a pattern; patterns to include and to exclude; files of known digests; the list that the tree was
 * made by ("" for none); the file that the digests of this tree are written to ("" for none). Answered: 32 bytes.
 */
#define _GNU_SOURCE
#include "layers/untar_report.h"
#include "tree/digest.h"
#include "tree/glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int absent(const char *path) { return untar_fail("absent", "\"/%s\": not found", path + strspn(path, "/")); }

static const char *last_of(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int digest_one(struct digester *d, const char *given, bool follow, unsigned char out[DIGEST_SIZE]) {
	struct stat s;
	char *path = tree_resolve(d->root, given, follow);
	if (!path) return -1;
	int rc = tree_stat(d->root, path, &s) < 0 ? absent(given) : digest_path(d, path, !*path, out);
	free(path);
	return rc;
}

/* One match that has the name asked for is as that path itself. */
static int digest_matches(struct digester *d, const char *pattern, bool follow, unsigned char out[DIGEST_SIZE]) {
	struct glob_found found;
	SHA256_CTX h;
	size_t count = 0;
	bool alone = false;
	int rc = glob_find(d->root, pattern, follow, &found);
	SHA256_Init(&h);
	for (size_t i = 0; rc >= 0 && i < found.count; i++) {
		rc = digest_one(d, found.paths[i], follow, out);
		if (rc <= 0) continue;
		const char *name = last_of(found.paths[i]);
		alone = count++ == 0 && strcmp(name, last_of(pattern)) == 0;
		SHA256_Update(&h, name, strlen(name) + 1);
		SHA256_Update(&h, out, DIGEST_SIZE);
	}
	if (rc >= 0 && !(alone && count == 1)) SHA256_Final(out, &h);
	glob_free(&found);
	return rc < 0 ? -1 : count > 0;
}

static int read_known(struct digester *d, const char **files) {
	int rc = 0;
	for (size_t i = 0; rc == 0 && files[i]; i++) rc = known_read(&d->known, files[i]);
	return rc;
}

static void digest_nothing(unsigned char out[DIGEST_SIZE]) {
	SHA256_CTX h;
	SHA256_Init(&h);
	SHA256_Final(out, &h);
}

static int digest_into(struct digester *d, struct tree_request *r, FILE *out) {
	unsigned char digest[DIGEST_SIZE];
	const char *path = tree_text(r, NULL);
	bool follow = tree_number(r), wildcard = tree_number(r);
	const char **include = tree_texts(r), **exclude = tree_texts(r), **known = tree_texts(r);
	const char *list = tree_text(r, NULL), *index = tree_text(r, NULL);
	int rc = r->broken ? untar_fail("io", "broken request") : 0;
	if (rc == 0 && (patterns_read(include, &d->include) < 0 || patterns_read(exclude, &d->exclude) < 0 || read_known(d, known) < 0 ||
	                   known_read_list(&d->known, list) < 0))
		rc = -1;
	if (rc == 0 && *index && !(d->index = fopen(index, "we"))) rc = tree_fail_at("open", index);
	if (rc == 0) rc = wildcard ? digest_matches(d, path, follow, digest) : digest_one(d, path, follow, digest);
	if (rc == 0) digest_nothing(digest); /* the patterns left nothing */
	if (d->index && fclose(d->index) == EOF && rc >= 0) rc = tree_fail_at("write", index);
	if (rc >= 0) fwrite(digest, 1, sizeof digest, out);
	patterns_free(&d->include);
	patterns_free(&d->exclude);
	known_free(&d->known);
	free(include);
	free(exclude);
	free(known);
	return rc < 0 ? -1 : 0;
}

int tree_run_digest(struct tree_request *r, FILE *out) {
	struct tree_root root;
	int rc = tree_open_root(r, &root);
	struct digester d = {.root = root.fd};
	if (rc == 0) rc = digest_into(&d, r, out);
	tree_close_root(&root);
	return rc;
}
