#define _GNU_SOURCE
#include "layers/untar_path.h"
#include "layers/untar_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static size_t hash(const char *text) {
	uint64_t h = 1469598103934665603ULL;
	for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	return (size_t)h;
}

bool untar_set_has(const struct untar_set *set, const char *text) {
	if (!set->cap) return false;
	for (size_t i = hash(text) & (set->cap - 1); set->slots[i]; i = (i + 1) & (set->cap - 1))
		if (strcmp(set->slots[i], text) == 0) return true;
	return false;
}

static void place(struct untar_set *set, char *text) {
	size_t i = hash(text) & (set->cap - 1);
	while (set->slots[i]) i = (i + 1) & (set->cap - 1);
	set->slots[i] = text;
}

int untar_set_add(struct untar_set *set, const char *text) {
	if (untar_set_has(set, text)) return 0;
	if ((set->count + 1) * 2 > set->cap) {
		struct untar_set grown = {.cap = set->cap ? set->cap * 2 : 256, .count = set->count};
		grown.slots = calloc(grown.cap, sizeof *grown.slots);
		if (!grown.slots) return -1;
		for (size_t i = 0; i < set->cap; i++)
			if (set->slots[i]) place(&grown, set->slots[i]);
		free(set->slots);
		*set = grown;
	}
	char *copy = strdup(text);
	if (!copy) return -1;
	place(set, copy);
	set->count++;
	return 0;
}

void untar_tree_init(struct untar_tree *tree, int root) { *tree = (struct untar_tree){.root = root, .cached_fd = -1}; }

void untar_tree_forget(struct untar_tree *tree) {
	if (tree->cached_fd >= 0) close(tree->cached_fd);
	free(tree->cached_path);
	tree->cached_fd = -1;
	tree->cached_path = NULL;
}

void untar_tree_release(struct untar_tree *tree) {
	untar_tree_forget(tree);
	if (tree->root >= 0) close(tree->root);
	tree->root = -1;
}

char *untar_clean(const char *raw) {
	char *out = malloc(strlen(raw) + 1), *end = out;
	if (!out) return NULL;
	for (const char *p = raw; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (end == out) {
				free(out);
				return NULL;
			}
			while (end > out && *--end != '/')
				;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (end > out) *end++ = '/';
			memcpy(end, p, n);
			end += n;
		}
		p += n;
		while (*p == '/') p++;
	}
	*end = 0;
	return out;
}

int untar_open_in_root(int root, const char *path, int flags) {
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	for (int tries = 0; tries < 64; tries++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN) return (int)fd;
	}
	return -1;
}

/* One component at a time, made where it is missing. Links inside the root are honoured, dangling ones are refused. */
static int make_parents(struct untar_tree *tree, const char *dir) {
	int at = dup(tree->root);
	for (const char *p = dir; at >= 0 && *p;) {
		size_t n = strcspn(p, "/");
		char *part = strndup(p, n), *prefix = strndup(dir, (size_t)(p - dir) + n);
		if (!part || !prefix) {
			free(part);
			free(prefix);
			close(at);
			errno = ENOMEM;
			return -1;
		}
		int next = untar_open_in_root(tree->root, prefix, O_RDONLY | O_DIRECTORY);
		if (next < 0 && errno == ENOTDIR) { /* a file or a whiteout stands there: the archive wants a directory */
			struct stat s;
			if (fstatat(at, part, &s, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(s.st_mode) && unlinkat(at, part, 0) == 0) errno = ENOENT;
			else errno = ENOTDIR;
		}
		if (next < 0 && errno == ENOENT && mkdirat(at, part, 0755) == 0) {
			next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (next >= 0) untar_set_add(&tree->implicit, prefix);
		}
		int saved = errno;
		free(part);
		free(prefix);
		close(at);
		errno = saved;
		at = next;
		p += n;
		while (*p == '/') p++;
	}
	return at;
}

struct untar_parent untar_open_parent(struct untar_tree *tree, const char *path, bool make) {
	struct stat st;
	const char *slash = strrchr(path, '/');
	if (!slash) {
		bool setgid = fstat(tree->root, &st) == 0 && (st.st_mode & S_ISGID);
		return (struct untar_parent){tree->root, setgid, path};
	}
	size_t n = (size_t)(slash - path);
	if (tree->cached_path && strlen(tree->cached_path) == n && memcmp(tree->cached_path, path, n) == 0)
		return (struct untar_parent){tree->cached_fd, tree->cached_setgid, slash + 1};
	char *dir = strndup(path, n);
	if (!dir) return (struct untar_parent){-1, false, slash + 1};
	int fd = untar_open_in_root(tree->root, dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && make && (errno == ENOENT || errno == ENOTDIR)) fd = make_parents(tree, dir);
	if (fd < 0) {
		int saved = errno;
		free(dir);
		errno = saved;
		return (struct untar_parent){-1, false, slash + 1};
	}
	untar_tree_forget(tree);
	tree->cached_path = dir;
	tree->cached_fd = fd;
	tree->cached_setgid = fstat(fd, &st) < 0 || (st.st_mode & S_ISGID);
	return (struct untar_parent){fd, tree->cached_setgid, slash + 1};
}

int untar_remove_children(int dir, const char *prefix, const struct untar_set *keep) {
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) return -1;
	int rc = 0;
	for (struct dirent *d; rc == 0 && (d = readdir(stream));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
		if (keep) {
			char *path = NULL;
			if (asprintf(&path, "%s%s%s", prefix, *prefix ? "/" : "", d->d_name) < 0) {
				rc = -1;
				break;
			}
			bool kept = untar_set_has(keep, path);
			int sub = kept ? openat(dir, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
			if (sub >= 0) {
				rc = untar_remove_children(sub, path, keep);
				close(sub);
			}
			free(path);
			if (kept) continue;
		}
		rc = untar_remove_tree(dir, d->d_name);
	}
	closedir(stream);
	return rc;
}

int untar_remove_tree(int dir, const char *name) {
	if (unlinkat(dir, name, 0) == 0) return 0;
	if (errno != EISDIR && errno != EPERM) return -1;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return -1;
	int rc = untar_remove_children(fd, "", NULL);
	close(fd);
	return rc < 0 ? -1 : unlinkat(dir, name, AT_REMOVEDIR);
}

static int copy_xattrs(int from, int to) {
	char names[65536], value[65536];
	ssize_t total = flistxattr(from, names, sizeof names);
	for (char *name = names; total > 0 && name < names + total; name += strlen(name) + 1) {
		if (strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0) continue;
		ssize_t size = fgetxattr(from, name, value, sizeof value);
		if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP && errno != EPERM) return -1;
	}
	return 0;
}

static int adopt_one(struct untar_tree *tree, const char *path, const int *parents, int count) {
	for (int i = 0; i < count; i++) {
		struct stat s;
		int from = untar_open_in_root(parents[i], path, O_RDONLY | O_DIRECTORY);
		if (from < 0) continue;
		int rc = -1, to = untar_open_in_root(tree->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (to >= 0 && fstat(from, &s) == 0 && fchown(to, s.st_uid, s.st_gid) == 0 && copy_xattrs(from, to) == 0 &&
		    fchmod(to, s.st_mode & 07777) == 0) {
			struct timespec times[2] = {s.st_atim, s.st_mtim};
			rc = futimens(to, times);
		}
		if (rc < 0) untar_fail("io", "adopt %s: %s", path, strerror(errno));
		if (to >= 0) close(to);
		close(from);
		return rc;
	}
	return 0; /* known to no parent: it stays as it was made */
}

int untar_adopt(struct untar_tree *tree, const char **parents, int count) {
	int *fds = calloc((size_t)count + 1, sizeof *fds);
	char *line = NULL;
	size_t cap = 0;
	int rc = fds ? 0 : -1;
	for (int i = 0; i < count && rc == 0; i++) {
		fds[i] = open(parents[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0) rc = untar_fail("io", "open %s: %s", parents[i], strerror(errno));
	}
	while (rc == 0 && getdelim(&line, &cap, 0, stdin) > 0) rc = adopt_one(tree, line, fds, count);
	free(line);
	free(fds);
	return rc;
}
