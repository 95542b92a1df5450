#define _GNU_SOURCE
#include "base/calls.h"
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_LINKS 255

static char *sure(char *text) {
	if (!text) {
		untar_fail("io", "out of memory");
		_exit(1);
	}
	return text;
}

char *tree_dup(const char *text) { return sure(strdup(text)); }

char *tree_join(const char *path, const char *name) {
	char *joined = NULL;
	return sure(asprintf(&joined, "%s%s%s", path, *path ? "/" : "", name) < 0 ? NULL : joined);
}

int tree_fail_at(const char *what, const char *path) {
	char why[256];
	snprintf(why, sizeof why, "%s", strerror(errno));
	for (char *p = why; *p; p++) *p = (char)tolower((unsigned char)*p);
	const char *code = errno == ENOENT || errno == ENOTDIR ? "absent" : "io";
	return untar_fail(code, "%s /%s: %s", what, path[0] == '/' ? path + 1 : path, why);
}

int tree_open(int root, const char *path, int flags) {
	for (int tries = 0; tries < 64; tries++) {
		int fd = sys_openat2(root, *path ? path : ".", (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW), 0,
		    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
		if (fd >= 0 || errno != EAGAIN) return fd;
	}
	return -1;
}

int tree_open_parent(int root, const char *path, const char **name) {
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : *path ? path : ".";
	if (!slash) return tree_open(root, "", O_RDONLY | O_DIRECTORY);
	char *dir = sure(strndup(path, (size_t)(slash - path)));
	int fd = tree_open(root, dir, O_RDONLY | O_DIRECTORY), saved = errno;
	free(dir);
	errno = saved;
	return fd;
}

int tree_stat(int root, const char *path, struct stat *s) {
	const char *name;
	int dir = tree_open_parent(root, path, &name);
	if (dir < 0) return -1;
	int rc = fstatat(dir, name, s, AT_SYMLINK_NOFOLLOW), saved = errno;
	close(dir);
	errno = saved;
	return rc;
}

static void drop_last(char *path) {
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = 0;
}

/* What the link at path says, or NULL when it is none (or is not there). */
static char *link_at(int root, const char *path) {
	char target[PATH_MAX];
	const char *name;
	int dir = tree_open_parent(root, path, &name);
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, name, target, sizeof target - 1);
	if (dir >= 0) close(dir);
	if (n < 0) return NULL;
	target[n] = 0;
	return tree_dup(target);
}

char *tree_resolve(int root, const char *path, bool follow) {
	char *done = tree_dup(""), *todo = tree_dup(path);
	for (int links = 0; *todo;) {
		char *start = todo + strspn(todo, "/");
		size_t n = strcspn(start, "/");
		char *part = sure(strndup(start, n)), *rest = tree_dup(start + n);
		bool last = rest[strspn(rest, "/")] == 0;
		free(todo);
		todo = rest;
		if (n == 0 || strcmp(part, ".") == 0) {
			/* stays where it is */
		} else if (strcmp(part, "..") == 0) {
			drop_last(done);
		} else {
			char *next = tree_join(done, part), *target = last && !follow ? NULL : link_at(root, next);
			if (target && ++links > MOST_LINKS) {
				untar_fail("io", "%s: too many links", path);
				free(next), free(target), free(part), free(done), free(todo);
				return NULL;
			}
			if (target) {
				char *again = NULL;
				if (asprintf(&again, "%s%s", target, todo) < 0) again = sure(NULL);
				free(todo);
				todo = again;
				if (*target == '/') *done = 0;
				free(next);
				free(target);
			} else {
				free(done);
				done = next;
			}
		}
		free(part);
	}
	free(todo);
	return done;
}
