/*
 * Mode `copy`: copies what lies below a directory, and the directory's own attributes, into an empty one.
 *
 *   gantry-native copy --from DIR --to DIR
 *
 * Owner, mode, times, xattrs (ACLs too), devices, sockets, hard links within the tree and holes are kept; where the file system can share
 * blocks it does. Nobody may change FROM meanwhile. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "layers/copy_file.h"
#include "layers/link_table.h"
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

int mode_copy(int argc, char **argv);

struct copier {
	int root;
	struct link_table links;
	bool no_clone;
};

static int fail_at(const char *what, const char *path) { return untar_fail("io", "%s %s: %s", what, path, strerror(errno)); }

static int copy_xattrs(int from, int to, const char *name, const char *path) {
	static char names[65536], value[65536];
	char a[64 + NAME_MAX], b[64 + NAME_MAX];
	snprintf(a, sizeof a, "/proc/self/fd/%d/%s", from, name);
	snprintf(b, sizeof b, "/proc/self/fd/%d/%s", to, name);
	ssize_t total = llistxattr(a, names, sizeof names);
	if (total < 0) return errno == ENOTSUP ? 0 : fail_at("list xattrs of", path);
	for (char *key = names; key < names + total; key += strlen(key) + 1) {
		ssize_t size = lgetxattr(a, key, value, sizeof value);
		if (size < 0 || lsetxattr(b, key, value, (size_t)size, 0) < 0)
			return untar_fail("io", "copy xattr %s of %s: %s", key, path, strerror(errno));
	}
	return 0;
}

/* Owner before xattrs (chown drops capabilities), the mode before the times. */
static int dress(int from, int to, const char *name, const struct stat *s, const char *path) {
	struct timespec times[2] = {s->st_atim, s->st_mtim};
	if (fchownat(to, name, s->st_uid, s->st_gid, AT_SYMLINK_NOFOLLOW) < 0) return fail_at("chown", path);
	if (copy_xattrs(from, to, name, path) < 0) return -1;
	if (!S_ISLNK(s->st_mode) && fchmodat(to, name, s->st_mode & 07777, 0) < 0) return fail_at("chmod", path);
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? fail_at("set times of", path) : 0;
}

static int copy_dir(struct copier *c, int from, int to, const char *path);

static int make_entry(struct copier *c, int from, int to, const char *name, const struct stat *s, const char *path) {
	if (S_ISDIR(s->st_mode)) {
		if (mkdirat(to, name, 0700) < 0) return fail_at("create", path);
		int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		int one = openat(from, name, flags), other = openat(to, name, flags);
		int rc = one < 0 || other < 0 ? fail_at("open", path) : copy_dir(c, one, other, path);
		if (one >= 0) close(one);
		if (other >= 0) close(other);
		return rc;
	}
	if (S_ISLNK(s->st_mode)) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(from, name, target, sizeof target - 1);
		if (n < 0) return fail_at("read link", path);
		target[n] = 0;
		return symlinkat(target, to, name) < 0 ? fail_at("create", path) : 0;
	}
	if (!S_ISREG(s->st_mode)) return mknodat(to, name, s->st_mode, s->st_rdev) < 0 ? fail_at("create", path) : 0;
	int one = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
	    other = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = one < 0 || other < 0 ? fail_at("open", path) : copy_file_bytes(one, other, s->st_size, &c->no_clone, path);
	if (one >= 0) close(one);
	if (other >= 0 && close(other) < 0 && rc == 0) rc = fail_at("close", path);
	return rc;
}

static int copy_entry(struct copier *c, int from, int to, const char *name, const char *path) {
	struct stat s;
	if (fstatat(from, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return fail_at("stat", path);
	bool several = !S_ISDIR(s.st_mode) && s.st_nlink > 1;
	const char *first = several ? link_table_find(&c->links, &s) : NULL;
	if (first) return linkat(c->root, first, to, name, 0) < 0 ? fail_at("link", path) : 0;
	if (several && link_table_add(&c->links, &s, path) < 0) return -1;
	return make_entry(c, from, to, name, &s, path) < 0 ? -1 : dress(from, to, name, &s, path);
}

static int copy_dir(struct copier *c, int from, int to, const char *path) {
	struct tree_names list;
	if (tree_list(from, &list) < 0) return fail_at("read", path);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		char *below = NULL;
		rc = asprintf(&below, "%s%s%s", path, *path ? "/" : "", list.names[i]) < 0 ? untar_fail("io", "out of memory")
		                                                                           : copy_entry(c, from, to, list.names[i], below);
		free(below);
	}
	tree_names_free(&list);
	return rc;
}

int mode_copy(int argc, char **argv) {
	const char *from = NULL, *to = NULL;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) from = argv[++i];
		else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc) to = argv[++i];
		else return untar_fail("io", "unknown flag or missing value: %s", argv[i]) < 0;
	}
	if (!from || !to) return untar_fail("io", "--from and --to are needed") < 0;
	tree_raise_files();
	umask(0);
	int one = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), other = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (one < 0 || other < 0) return fail_at("open", one < 0 ? from : to) < 0;
	struct copier c = {.root = other};
	struct stat s;
	if (copy_dir(&c, one, other, "") < 0) return 1;
	return fstat(one, &s) < 0 ? fail_at("stat", from) < 0 : dress(one, other, ".", &s, "the root") < 0;
}
