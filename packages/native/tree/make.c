#define _GNU_SOURCE
#include "tree/make.h"
#include "layers/untar_path.h"
#include "layers/untar_report.h"
#include "tree/glob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tree_look tree_look_of(struct tree_request *r) {
	int64_t uid = tree_number(r), gid = tree_number(r), time = tree_number(r);
	return (struct tree_look){uid, gid, time};
}

int tree_set_time(int dir, const char *name, int64_t time, const char *path) {
	if (time == -1) return 0;
	int64_t seconds = time / 1000000000, rest = time % 1000000000;
	struct timespec at = {rest < 0 ? seconds - 1 : seconds, rest < 0 ? rest + 1000000000 : rest}, times[2] = {at, at};
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? tree_fail_at("utimes", path) : 0;
}

int tree_dress(int dir, const char *name, const struct tree_look *look, const char *path) {
	if (look->uid >= 0 && fchownat(dir, name, (uid_t)look->uid, (gid_t)look->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail_at("lchown", path);
	return tree_set_time(dir, name, look->time, path);
}

static void note_made(struct tree_made *made, const char *path) {
	char **grown = realloc(made->paths, (made->count + 1) * sizeof *grown);
	if (!grown) {
		untar_fail("io", "out of memory");
		_exit(1);
	}
	made->paths = grown;
	made->paths[made->count++] = tree_dup(path);
}

int tree_make_dirs(int root, const char *path, mode_t mode, const struct tree_look *look, struct tree_made *made) {
	struct stat s;
	if (tree_stat(root, path, &s) == 0) {
		if (S_ISDIR(s.st_mode)) return 0;
		errno = ENOTDIR;
		return tree_fail_at("mkdir", path);
	}
	char *parent = tree_dup(path), *slash = strrchr(parent, '/');
	*(slash ? slash : parent) = 0;
	int rc = *path ? tree_make_dirs(root, parent, mode, look, made) : 0;
	free(parent);
	if (rc < 0) return -1;
	const char *name;
	int dir = tree_open_parent(root, path, &name);
	if (dir < 0 || mkdirat(dir, name, mode & 0777) < 0) rc = tree_fail_at("mkdir", path);
	else rc = tree_dress(dir, name, look, path);
	if (dir >= 0) close(dir);
	if (rc == 0 && made) note_made(made, path);
	return rc;
}

int tree_settle_made(int root, struct tree_made *made, const struct tree_look *look) {
	int rc = 0;
	while (made->count > 0) {
		char *path = made->paths[--made->count];
		const char *name;
		int dir = rc < 0 || look->time == -1 ? -1 : tree_open_parent(root, path, &name);
		if (dir >= 0) {
			rc = tree_set_time(dir, name, look->time, path);
			close(dir);
		}
		free(path);
	}
	free(made->paths);
	*made = (struct tree_made){0};
	return rc;
}

int tree_do_mkdir(int root, struct tree_request *r) {
	const char *given = tree_text(r, NULL);
	mode_t mode = (mode_t)tree_number(r) & 0777;
	bool parents = tree_number(r);
	struct tree_look look = tree_look_of(r);
	char *path = r->broken ? NULL : tree_resolve(root, given, true);
	if (!path) return -1;
	const char *name;
	int rc = 0, dir = -1;
	if (parents) rc = tree_make_dirs(root, path, mode, &look, NULL);
	else if ((dir = tree_open_parent(root, path, &name)) < 0) rc = tree_fail_at("mkdir", path);
	else if (mkdirat(dir, name, mode) == 0) rc = tree_dress(dir, name, &look, path);
	else if (errno != EEXIST) rc = tree_fail_at("mkdir", path);
	if (dir >= 0) close(dir);
	free(path);
	return rc;
}

static int write_bytes(int fd, const char *bytes, size_t size) {
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/*
 * A file that is there keeps its mode and owner. One with several names is made anew: its inode may be that of another tree, whose files were taken over
 * without a copy.
 */
static int open_file(int dir, const char *name, mode_t mode) {
	struct stat s;
	if (fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) && s.st_nlink > 1) {
		if (unlinkat(dir, name, 0) < 0) return -1;
		int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		return fd >= 0 && (fchown(fd, s.st_uid, s.st_gid) < 0 || fchmod(fd, s.st_mode & 07777) < 0) ? -1 : fd;
	}
	return openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
}

int tree_do_mkfile(int root, struct tree_request *r) {
	size_t size;
	const char *given = tree_text(r, NULL);
	mode_t mode = (mode_t)tree_number(r) & 0777;
	const char *bytes = tree_text(r, &size), *name;
	struct tree_look look = tree_look_of(r);
	char *path = r->broken ? NULL : tree_resolve(root, given, true);
	if (!path) return -1;
	int dir = tree_open_parent(root, path, &name), fd = dir < 0 ? -1 : open_file(dir, name, mode);
	int rc = fd < 0 ? tree_fail_at("open", path) : write_bytes(fd, bytes, size) < 0 ? tree_fail_at("write", path) : 0;
	if (fd >= 0 && close(fd) < 0 && rc == 0) rc = tree_fail_at("close", path);
	if (rc == 0) rc = tree_dress(dir, name, &look, path);
	if (dir >= 0) close(dir);
	free(path);
	return rc;
}

int tree_do_symlink(int root, struct tree_request *r) {
	const char *target = tree_text(r, NULL), *given = tree_text(r, NULL), *name;
	struct tree_look look = tree_look_of(r);
	char *path = r->broken ? NULL : tree_resolve(root, given, true);
	if (!path) return -1;
	int dir = tree_open_parent(root, path, &name), rc = 0;
	if (dir < 0 || symlinkat(target, dir, name) < 0) {
		char *what = NULL;
		rc = asprintf(&what, "symlink %s", target) < 0 ? -1 : tree_fail_at(what, path);
		free(what);
	} else rc = tree_dress(dir, name, &look, path);
	if (dir >= 0) close(dir);
	free(path);
	return rc;
}

/* The last component is never followed. */
static int remove_one(int root, const char *path, bool allow_missing) {
	const char *name;
	if (!*path) return untar_fail("invalid", "rmPath: invalid empty path");
	int dir = tree_open_parent(root, path, &name);
	if (dir < 0) return (errno == ENOENT || errno == ENOTDIR) && allow_missing ? 0 : tree_fail_at("stat", path);
	int rc = 0;
	if (!allow_missing) {
		char *target = tree_resolve(root, path, true);
		struct stat s;
		if (!target) rc = -1;
		else if (tree_stat(root, target, &s) < 0 && (errno == ENOENT || errno == ENOTDIR)) rc = tree_fail_at("stat", path);
		free(target);
	}
	if (rc == 0 && untar_remove_tree(dir, name) < 0 && errno != ENOENT) rc = tree_fail_at("unlinkat", path);
	close(dir);
	return rc;
}

int tree_do_remove(int root, struct tree_request *r) {
	const char *given = tree_text(r, NULL);
	bool allow_missing = tree_number(r), wildcard = tree_number(r);
	if (r->broken) return -1;
	if (!wildcard) {
		char *path = tree_resolve(root, given, false);
		int rc = path ? remove_one(root, path, allow_missing) : -1;
		free(path);
		return rc;
	}
	struct glob_found found;
	int rc = glob_find(root, given, false, &found);
	for (size_t i = 0; rc == 0 && i < found.count; i++) rc = remove_one(root, found.paths[i], allow_missing);
	glob_free(&found);
	return rc;
}
