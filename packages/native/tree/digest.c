/*
 * What a digest covers: of every entry its kind, mode, owner, extended attributes, and its contents, target or device; of a directory the names and digests of
 * what is in it, sorted by name. Never times, and never how many names an inode has: the same files have the same digest wherever they lie.
 */
#define _GNU_SOURCE
#include "tree/digest.h"
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static void add_number(SHA256_CTX *h, uint64_t n) {
	unsigned char bytes[8];
	for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(n >> 8 * i);
	SHA256_Update(h, bytes, sizeof bytes);
}

void digest_bytes(SHA256_CTX *h, const void *bytes, size_t size) {
	add_number(h, size);
	SHA256_Update(h, bytes, size);
}

void digest_look(SHA256_CTX *h, mode_t kind, mode_t permissions, uid_t uid, gid_t gid) {
	add_number(h, kind);
	add_number(h, kind == S_IFLNK ? 0777 : permissions);
	add_number(h, uid);
	add_number(h, gid);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Overlayfs' own attributes and a security module's label belong to the machine, not to the file. */
static bool of_machine(const char *key) {
	return strncmp(key, "trusted.overlay.", 16) == 0 || strncmp(key, "user.overlay.", 13) == 0 || strcmp(key, "security.selinux") == 0;
}

static int add_xattrs(SHA256_CTX *h, int dir, const char *name, const char *path) {
	static char names[65536], value[65536];
	char at[64 + NAME_MAX], *keys[4096];
	size_t count = 0;
	snprintf(at, sizeof at, "/proc/self/fd/%d/%s", dir, name);
	ssize_t total = llistxattr(at, names, sizeof names);
	if (total < 0) return errno == ENOTSUP ? 0 : tree_fail_at("listxattr", path);
	for (char *key = names; key < names + total && count < sizeof keys / sizeof *keys; key += strlen(key) + 1)
		if (!of_machine(key)) keys[count++] = key;
	if (count > 1) qsort(keys, count, sizeof *keys, by_text);
	for (size_t i = 0; i < count; i++) {
		ssize_t size = lgetxattr(at, keys[i], value, sizeof value);
		if (size < 0) return tree_fail_at("getxattr", path);
		digest_bytes(h, keys[i], strlen(keys[i]));
		digest_bytes(h, value, (size_t)size);
	}
	return 0;
}

static int hash_contents(int dir, const char *name, const char *path, uint64_t size, unsigned char out[DIGEST_SIZE]) {
	static unsigned char buffer[1 << 18];
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) return tree_fail_at("open", path);
	SHA256_CTX h;
	SHA256_Init(&h);
	ssize_t n = 1;
	for (uint64_t have = 0; n != 0 && have<size; have += n> 0 ? (uint64_t)n : 0) {
		n = read(fd, buffer, sizeof buffer);
		if (n < 0 && errno != EINTR) break;
		if (n > 0) SHA256_Update(&h, buffer, (size_t)n);
	}
	int rc = n < 0 ? tree_fail_at("read", path) : 0;
	close(fd);
	SHA256_Final(out, &h);
	return rc;
}

static uint64_t nanoseconds(const struct statx_timestamp *t) { return (uint64_t)t->tv_sec * 1000000000ULL + t->tv_nsec; }

static int contents_of(
    struct digester *d, int dir, const char *name, const char *path, const struct statx *s, unsigned char out[DIGEST_SIZE]) {
	struct known_stamp stamp = {
	    s->stx_ino, s->stx_size, nanoseconds(&s->stx_mtime), s->stx_mask & STATX_BTIME ? nanoseconds(&s->stx_btime) : 0};
	const unsigned char *had = known_find(&d->known, path, &stamp);
	if (had) memcpy(out, had, DIGEST_SIZE);
	else if (hash_contents(dir, name, path, s->stx_size, out) < 0) return -1;
	if (d->index) known_write(d->index, path, &stamp, out);
	return 0;
}

/* What is said of the entry itself. */
static int add_entry(struct digester *d, SHA256_CTX *h, int dir, const char *name, const char *path, const struct statx *s) {
	mode_t kind = s->stx_mode & S_IFMT;
	char target[PATH_MAX];
	digest_look(h, kind, s->stx_mode & 07777, s->stx_uid, s->stx_gid);
	if (kind == S_IFREG) {
		unsigned char contents[DIGEST_SIZE];
		if (contents_of(d, dir, name, path, s, contents) < 0) return -1;
		SHA256_Update(h, contents, sizeof contents);
	} else if (kind == S_IFLNK) {
		ssize_t n = readlinkat(dir, name, target, sizeof target);
		if (n < 0) return tree_fail_at("readlink", path);
		digest_bytes(h, target, (size_t)n);
	} else if (kind == S_IFCHR || kind == S_IFBLK) {
		add_number(h, s->stx_rdev_major);
		add_number(h, s->stx_rdev_minor);
	}
	return add_xattrs(h, dir, name, path);
}

/* Which patterns matched the directory above; below: the path under the top, "" for the top itself. */
struct place {
	const char *below;
	const unsigned char *included, *excluded;
};

static int digest_entry(
    struct digester *d, int dir, const char *name, const char *path, const struct place *place, bool bare, unsigned char out[DIGEST_SIZE]);

/* Adds what is in the directory; counts what was added. */
static int add_below(
    struct digester *d, SHA256_CTX *h, int dir, const char *name, const char *path, const struct place *own, size_t *count) {
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct tree_names names;
	if (fd < 0) return tree_fail_at("open", path);
	if (tree_list(fd, &names) < 0) {
		close(fd);
		return tree_fail_at("readdir", path);
	}
	for (size_t i = 0; rc >= 0 && i < names.count; i++) {
		unsigned char digest[DIGEST_SIZE];
		char *deeper = tree_join(path, names.names[i]), *below = tree_join(own->below, names.names[i]);
		struct place place = {below, own->included, own->excluded};
		rc = digest_entry(d, fd, names.names[i], deeper, &place, false, digest);
		if (rc > 0) {
			++*count;
			digest_bytes(h, names.names[i], strlen(names.names[i]));
			SHA256_Update(h, digest, sizeof digest);
		}
		free(deeper);
		free(below);
	}
	tree_names_free(&names);
	close(fd);
	return rc < 0 ? -1 : 0;
}

/* 1: it counts; 0: the patterns leave it out. */
static int digest_entry(
    struct digester *d, int dir, const char *name, const char *path, const struct place *place, bool bare, unsigned char out[DIGEST_SIZE]) {
	struct statx s;
	SHA256_CTX h;
	bool patterns = d->include.count > 0 || d->exclude.count > 0, meant = true;
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &s) < 0) return tree_fail_at("lstat", path);
	if (S_ISCHR(s.stx_mode) && s.stx_rdev_major == 0 && s.stx_rdev_minor == 0) return 0; /* a whiteout of a lowest layer */
	unsigned char *marks = NULL;
	struct place own = {place->below, NULL, NULL};
	if (patterns) {
		marks = calloc(d->include.count + d->exclude.count + 1, 1);
		if (!marks) return untar_fail("io", "out of memory");
		if (d->include.count > 0) meant = patterns_match(&d->include, place->below, place->included, marks);
		if (d->exclude.count > 0 && patterns_match(&d->exclude, place->below, place->excluded, marks + d->include.count)) meant = false;
		if (*place->below) own = (struct place){place->below, marks, marks + d->include.count};
	}
	int rc = 0;
	size_t count = 0;
	bool is_dir = S_ISDIR(s.stx_mode);
	SHA256_Init(&h);
	if (!is_dir && !meant) rc = 0;
	else {
		if (!bare) rc = add_entry(d, &h, dir, name, path, &s);
		if (rc == 0 && is_dir) rc = add_below(d, &h, dir, name, path, &own, &count);
		if (rc == 0) rc = meant || count > 0;
	}
	free(marks);
	SHA256_Final(out, &h);
	return rc;
}

int digest_path(struct digester *d, const char *path, bool bare, unsigned char out[DIGEST_SIZE]) {
	const char *name;
	int dir = tree_open_parent(d->root, path, &name);
	if (dir < 0) return tree_fail_at("lstat", path);
	struct place top = {"", NULL, NULL};
	int rc = digest_entry(d, dir, name, path, &top, bare, out);
	close(dir);
	return rc;
}
