#define _GNU_SOURCE
#include "layers/tree_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK (1U << 16)

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void tree_names_free(struct tree_names *list) {
	for (size_t i = 0; i < list->count; i++) free(list->names[i]);
	free(list->names);
	*list = (struct tree_names){0};
}

int tree_list(int dir, struct tree_names *out) {
	*out = (struct tree_names){0};
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		if (fd >= 0) close(fd);
		return -1;
	}
	size_t cap = 0;
	int rc = 0;
	errno = 0;
	for (struct dirent *d; (d = readdir(stream)); errno = 0) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
		/* overlayfs lists the mark that hides something in a folder that lies on none, and does not find it */
		if (d->d_type == DT_CHR && faccessat(fd, d->d_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) continue;
		if (out->count == cap) {
			cap = cap ? cap * 2 : 64;
			char **grown = realloc(out->names, cap * sizeof *grown);
			if (!grown) {
				rc = -1;
				break;
			}
			out->names = grown;
		}
		char *copy = strdup(d->d_name);
		if (!copy) {
			rc = -1;
			break;
		}
		out->names[out->count++] = copy;
	}
	if (errno) rc = -1;
	int failure = errno;
	closedir(stream);
	if (rc < 0) {
		tree_names_free(out);
		errno = failure;
		return -1;
	}
	if (out->count > 1) qsort(out->names, out->count, sizeof *out->names, by_name);
	return 0;
}

static void proc_path(char *out, size_t size, int dir, const char *name) { snprintf(out, size, "/proc/self/fd/%d/%s", dir, name); }

/* The origin that overlayfs notes on a directory it copied up tells nothing of what it shows. */
static bool passed_over(const char *name) { return strncmp(name, "trusted.overlay.", 16) == 0 && strcmp(name + 16, "opaque") != 0; }

static size_t counted(const char *names, ssize_t total) {
	size_t count = 0;
	for (const char *name = names; total > 0 && name < names + total; name += strlen(name) + 1) count += !passed_over(name);
	return count;
}

static int same_xattrs(int left, int right, const char *name) {
	static char left_names[65536], right_names[65536], left_value[65536], right_value[65536];
	char a[64 + NAME_MAX], b[64 + NAME_MAX];
	proc_path(a, sizeof a, left, name);
	proc_path(b, sizeof b, right, name);
	ssize_t n = llistxattr(a, left_names, sizeof left_names), m = llistxattr(b, right_names, sizeof right_names);
	if (n < 0 || m < 0) return (n < 0 && errno != ENOTSUP) ? -1 : n == m;
	if (counted(left_names, n) != counted(right_names, m)) return 0;
	for (char *key = left_names; key < left_names + n; key += strlen(key) + 1) {
		if (passed_over(key)) continue;
		ssize_t size = lgetxattr(a, key, left_value, sizeof left_value);
		if (size < 0 || lgetxattr(b, key, right_value, sizeof right_value) != size || memcmp(left_value, right_value, (size_t)size) != 0)
			return 0;
	}
	return 1;
}

static ssize_t read_full(int fd, unsigned char *buffer, size_t size) {
	size_t have = 0;
	while (have < size) {
		ssize_t n = read(fd, buffer + have, size - have);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -1;
		if (n == 0) break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static int same_bytes(int left, int right, const char *name) {
	static unsigned char a[BLOCK], b[BLOCK];
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int one = openat(left, name, flags), other = openat(right, name, flags);
	int rc = one < 0 || other < 0 ? -1 : 1;
	while (rc == 1) {
		ssize_t n = read_full(one, a, sizeof a), m = read_full(other, b, sizeof b);
		if (n < 0 || m < 0) rc = -1;
		else if (n != m || memcmp(a, b, (size_t)n) != 0) rc = 0;
		else if (n == 0) break;
	}
	int failure = errno;
	if (one >= 0) close(one);
	if (other >= 0) close(other);
	errno = failure;
	return rc;
}

static int same_target(int left, int right, const char *name) {
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t n = readlinkat(left, name, a, sizeof a), m = readlinkat(right, name, b, sizeof b);
	return n < 0 || m < 0 ? -1 : n == m && memcmp(a, b, (size_t)n) == 0;
}

int tree_same(int left, int right, const char *name, bool content) {
	struct stat a, b;
	if (fstatat(left, name, &a, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(right, name, &b, AT_SYMLINK_NOFOLLOW) < 0) return -1;
	if (a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid) return 0;
	if ((S_ISCHR(a.st_mode) || S_ISBLK(a.st_mode)) && a.st_rdev != b.st_rdev) return 0;
	bool whiteout = S_ISCHR(a.st_mode) && a.st_rdev == 0; /* its time is when it was laid out */
	if (!S_ISDIR(a.st_mode) && !whiteout &&
	    (a.st_size != b.st_size || a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec))
		return 0;
	if (S_ISLNK(a.st_mode)) {
		int rc = same_target(left, right, name);
		if (rc != 1) return rc;
	}
	int rc = same_xattrs(left, right, name);
	return rc == 1 && content && S_ISREG(a.st_mode) && a.st_ino != b.st_ino ? same_bytes(left, right, name) : rc;
}

void tree_raise_files(void) {
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}
