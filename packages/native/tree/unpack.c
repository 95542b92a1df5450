/*
 * What ADD of an archive needs.
 *   U  an archive is laid out: the tree's mounts; path of the stream of its tar; directory inside the tree; owner of all (uid, gid; -1: as the archive says)
 *   G  what a path or a pattern means: the tree's mounts; path, follow links, is a pattern. Answered: for each match one byte, f for a regular file and - for
 *      anything else, its path and a zero byte.
 */
#define _GNU_SOURCE
#include "layers/untar_extract.h"
#include "layers/untar_report.h"
#include "tree/glob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tree_run_unpack(struct tree_request *r, FILE *out) {
	static struct untar_state st;
	struct tree_root root;
	int rc = tree_open_root(r, &root);
	const char *stream = tree_text(r, NULL), *given = tree_text(r, NULL);
	st.opt = (struct untar_options){.root = "", .copy = true, .max_bytes = INT64_MAX, .max_entries = INT64_MAX};
	st.opt.uid = tree_number(r);
	st.opt.gid = tree_number(r);
	if (rc == 0 && r->broken) rc = untar_fail("io", "broken request");
	char *into = rc == 0 ? tree_resolve(root.fd, given, true) : NULL;
	if (rc == 0 && !into) rc = -1;
	int fd = rc == 0 ? open(stream, O_RDONLY | O_CLOEXEC) : -1;
	if (rc == 0 && (fd < 0 || dup2(fd, STDIN_FILENO) < 0)) rc = untar_fail("io", "open %s: %s", stream, strerror(errno));
	if (fd >= 0) close(fd);
	if (rc == 0) {
		st.opt.into = into;
		untar_tree_init(&st.tree, root.fd);
		rc = untar_extract(&st);
		untar_tree_forget(&st.tree);
	}
	free(into);
	tree_close_root(&root);
	fprintf(out, "%lld", (long long)st.entries);
	return rc;
}

static int put_match(int root, const char *given, bool follow, FILE *out) {
	struct stat s;
	char *path = tree_resolve(root, given, follow);
	if (!path) return -1;
	bool there = tree_stat(root, path, &s) == 0;
	fputc(there && S_ISREG(s.st_mode) ? 'f' : '-', out);
	fwrite(given, 1, strlen(given) + 1, out);
	free(path);
	return 0;
}

int tree_run_glob(struct tree_request *r, FILE *out) {
	struct tree_root root;
	struct glob_found found = {0};
	int rc = tree_open_root(r, &root);
	const char *path = tree_text(r, NULL);
	bool follow = tree_number(r), wildcard = tree_number(r);
	if (rc == 0 && r->broken) rc = untar_fail("io", "broken request");
	if (rc == 0 && !wildcard) rc = put_match(root.fd, path, follow, out);
	else if (rc == 0) rc = glob_find(root.fd, path, follow, &found);
	for (size_t i = 0; rc == 0 && i < found.count; i++) rc = put_match(root.fd, found.paths[i], follow, out);
	glob_free(&found);
	tree_close_root(&root);
	return rc;
}
