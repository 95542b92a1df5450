/*
 * Mode `copy`: copies what lies below a directory, and the directory's own attributes, into an empty one.
 *
 *   gantry-native copy --from DIR --to DIR
 *
 * Owner, mode, times, xattrs (ACLs too), devices, sockets, hard links within the tree and holes are kept; where the file system can share
 * blocks it does. Nobody may change FROM meanwhile. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

int mode_copy(int argc, char **argv);

/* Where an inode with several names was copied to first. */
struct link_entry {
	uint64_t dev, ino;
	char *path;
};

struct copier {
	int root;
	struct link_entry *links;
	size_t count, cap;
	bool no_clone;
};

static int fail_at(const char *what, const char *path) { return untar_fail("io", "%s %s: %s", what, path, strerror(errno)); }

/* The slot of an inode: its own, or the free one where it belongs. */
static struct link_entry *slot_of(struct link_entry *links, size_t cap, uint64_t dev, uint64_t ino) {
	size_t at = (size_t)(ino * 0x9e3779b97f4a7c15U >> 20) & (cap - 1);
	while (links[at].path && (links[at].ino != ino || links[at].dev != dev)) at = (at + 1) & (cap - 1);
	return &links[at];
}

static const struct link_entry *find_link(const struct copier *c, const struct stat *s) {
	if (c->cap == 0) return NULL;
	const struct link_entry *found = slot_of(c->links, c->cap, s->st_dev, s->st_ino);
	return found->path ? found : NULL;
}

/* At most half of the slots are used; their number is a power of two. */
static int grow_links(struct copier *c) {
	size_t cap = c->cap ? c->cap * 2 : 256;
	struct link_entry *grown = calloc(cap, sizeof *grown);
	if (!grown) return untar_fail("io", "out of memory");
	for (size_t i = 0; i < c->cap; i++)
		if (c->links[i].path) *slot_of(grown, cap, c->links[i].dev, c->links[i].ino) = c->links[i];
	free(c->links);
	c->links = grown;
	c->cap = cap;
	return 0;
}

static int add_link(struct copier *c, const struct stat *s, const char *path) {
	if (c->count * 2 >= c->cap && grow_links(c) < 0) return -1;
	char *copy = strdup(path);
	if (!copy) return untar_fail("io", "out of memory");
	*slot_of(c->links, c->cap, s->st_dev, s->st_ino) = (struct link_entry){s->st_dev, s->st_ino, copy};
	c->count++;
	return 0;
}

static int copy_range(int from, int to, off_t at, off_t end, const char *path) {
	static char buffer[1 << 18];
	off_t in = at, out = at;
	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
		if (n > 0) continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
			return fail_at("copy", path);
		size_t want = end - in < (off_t)sizeof buffer ? (size_t)(end - in) : sizeof buffer;
		n = pread(from, buffer, want, in);
		if (n <= 0) return n < 0 && errno == EINTR ? copy_range(from, to, in, end, path) : fail_at("read", path);
		for (ssize_t done = 0; done < n;) {
			ssize_t written = pwrite(to, buffer + done, (size_t)(n - done), out + done);
			if (written < 0 && errno != EINTR) return fail_at("write", path);
			done += written > 0 ? written : 0;
		}
		in += n;
		out += n;
	}
	return 0;
}

static int copy_bytes(struct copier *c, int from, int to, off_t size, const char *path) {
	if (!c->no_clone && ioctl(to, FICLONE, from) == 0) return 0;
	c->no_clone = true;
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) break; /* a hole up to the end */
		off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
		if (data < 0) data = at; /* a file system that cannot tell holes */
		if (hole < 0) hole = size;
		if (copy_range(from, to, data, hole, path) < 0) return -1;
		at = hole;
	}
	return ftruncate(to, size) < 0 ? fail_at("extend", path) : 0;
}

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
	int rc = one < 0 || other < 0 ? fail_at("open", path) : copy_bytes(c, one, other, s->st_size, path);
	if (one >= 0) close(one);
	if (other >= 0 && close(other) < 0 && rc == 0) rc = fail_at("close", path);
	return rc;
}

static int copy_entry(struct copier *c, int from, int to, const char *name, const char *path) {
	struct stat s;
	if (fstatat(from, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return fail_at("stat", path);
	bool several = !S_ISDIR(s.st_mode) && s.st_nlink > 1;
	const struct link_entry *first = several ? find_link(c, &s) : NULL;
	if (first) return linkat(c->root, first->path, to, name, 0) < 0 ? fail_at("link", path) : 0;
	if (several && add_link(c, &s, path) < 0) return -1;
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
