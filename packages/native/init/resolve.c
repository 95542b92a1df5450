/* Paths of the container: every one is resolved below the root's descriptor, and never twice. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/child.h"

#define INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define LINKS 40

int root_open(struct child *c, const char *path, int flags, uint64_t resolve) {
	int fd;

	do fd = sys_openat2(c->root, path, (uint64_t)flags | O_CLOEXEC, 0, INSIDE | resolve);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd;
}

/* path := directory of its first `upto` bytes, the link's text, and the rest: a dangling link followed by hand. */
static int splice_link(char *path, size_t prefix, const char *rest, const char *link) {
	char out[PATH_MAX];
	int n;

	if (link[0] == '/') n = snprintf(out, sizeof(out), "%s/%s", link, rest);
	else n = snprintf(out, sizeof(out), "%.*s/%s/%s", (int)prefix, path, link, rest);
	if (n < 0 || (size_t)n >= sizeof(out)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, out, (size_t)n + 1);
	return 0;
}

static int make_one(int dir, const char *name, bool directory) {
	int fd;

	if (directory) return mkdirat(dir, name, 0755);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) return -1;
	close(fd);
	return 0;
}

/* Walks path from the root and makes what is missing. 1 = a dangling link was spliced into path: walk again. */
static int walk(struct child *c, char *path, int make, int *out) {
	int dir = fcntl(c->root, F_DUPFD_CLOEXEC, 3), next;
	char name[NAME_MAX + 1], link[PATH_MAX];
	size_t at = 0, start, end;

	if (dir < 0) return -1;
	for (;;) {
		bool last;
		ssize_t n;

		while (path[at] == '/') at++;
		if (!path[at]) {
			*out = dir;
			return 0;
		}
		start = at;
		while (path[at] && path[at] != '/') at++;
		end = at;
		while (path[at] == '/') at++;
		last = !path[at];
		if (end - start > NAME_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(name, path + start, end - start);
		name[end - start] = 0;
		/* What exists is resolved from the root in one step: links may point anywhere inside. */
		{
			char prefix[PATH_MAX];

			memcpy(prefix, path, end);
			prefix[end] = 0;
			next = root_open(c, prefix, O_PATH | (last ? 0 : O_DIRECTORY), 0);
		}
		if (next >= 0) {
			close(dir);
			dir = next;
			continue;
		}
		if (errno != ENOENT) break;
		if (strcmp(name, "..") == 0) break;
		if (make_one(dir, name, !last || make == RESOLVE_MAKE_DIR) == 0) {
			next =
			    sys_openat2(dir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
			if (next < 0) break;
			close(dir);
			dir = next;
			continue;
		}
		if (errno != EEXIST) break;
		n = readlinkat(dir, name, link, sizeof(link) - 1);
		if (n < 0) {
			if (errno == EINVAL || errno == ENOENT) { /* somebody else made or removed it: look again */
				close(dir);
				return 1;
			}
			break;
		}
		link[n] = 0;
		close(dir);
		return splice_link(path, start, path + at, link) ? -1 : 1;
	}
	{
		int saved = errno;

		close(dir);
		errno = saved;
	}
	return -1;
}

int root_make(struct child *c, const char *path, int make) {
	char work[PATH_MAX];
	int fd;

	fd = root_open(c, path, O_PATH, 0);
	if (fd >= 0 || errno != ENOENT || !make) return fd;
	if (strlen(path) >= sizeof(work)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(work, path);
	for (int i = 0; i < LINKS; i++) {
		int again = walk(c, work, make, &fd);

		if (again < 0) return -1;
		if (!again) return fd;
	}
	errno = ELOOP;
	return -1;
}

int root_parent(struct child *c, const char *path, const char **name) {
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	*name = slash ? slash + 1 : path;
	if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	if (!slash || slash == path) return root_make(c, "/", RESOLVE_MAKE_DIR);
	if ((size_t)(slash - path) >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = 0;
	return root_make(c, dir, RESOLVE_MAKE_DIR);
}
