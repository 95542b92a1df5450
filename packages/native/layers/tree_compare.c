/*
 * Mode `compare`: tells how the tree RIGHT differs from the tree LEFT.
 *
 *   gantry-native compare --left DIR --right DIR [--content]
 *
 * One record a difference on stdout: a letter, the path with a slash in front ("/" is the root), NUL. A: only RIGHT has it (all that lies below
 * it too); D: only LEFT has it (nothing below it is named); M: attributes, time, size or, with --content, bytes differ, or something below a
 * directory does. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int mode_compare(int argc, char **argv);

static int fail_at(const char *what, const char *path) { return untar_fail("io", "%s %s: %s", what, path, strerror(errno)); }

static void put(char kind, const char *path) {
	putchar(kind);
	fputs(path, stdout);
	putchar(0);
}

static int open_dir(int dir, const char *name) { return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

static int is_dir(int dir, const char *name) {
	struct stat s;
	return fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : S_ISDIR(s.st_mode);
}

/* Everything below a directory that only the right tree has. */
static int put_added(int parent, const char *name, const char *path) {
	put('A', path);
	int dir = is_dir(parent, name);
	if (dir <= 0) return dir < 0 ? fail_at("stat", path) : 0;
	int fd = open_dir(parent, name);
	struct tree_names list;
	if (fd < 0 || tree_list(fd, &list) < 0) {
		if (fd >= 0) close(fd);
		return fail_at("read", path);
	}
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		char *below = NULL;
		rc = asprintf(&below, "%s/%s", path, list.names[i]) < 0 ? untar_fail("io", "out of memory") : put_added(fd, list.names[i], below);
		free(below);
	}
	tree_names_free(&list);
	close(fd);
	return rc;
}

static int compare_dirs(int left, int right, const char *path, bool content);

/* 1 when there is a difference. */
static int compare_entry(int left, int right, const char *name, const char *path, bool content) {
	int a = is_dir(left, name), b = is_dir(right, name);
	int same = a < 0 || b < 0 ? -1 : tree_same(left, right, name, content);
	if (same < 0) return fail_at("compare", path);
	int below = 0;
	if (a == 1 && b == 1) {
		int one = open_dir(left, name), other = open_dir(right, name);
		below = one < 0 || other < 0 ? fail_at("open", path) : compare_dirs(one, other, path, content);
		if (one >= 0) close(one);
		if (other >= 0) close(other);
		if (below < 0) return -1;
	}
	if (!same || below) put('M', path);
	if (a == 0 && b == 1) { /* a directory in place of something else: what it holds is new */
		int fd = open_dir(right, name);
		int rc = fd < 0 ? fail_at("open", path) : compare_dirs(-1, fd, path, content);
		if (fd >= 0) close(fd);
		if (rc < 0) return -1;
	}
	return !same || below;
}

/* left -1: an empty directory. 1 when there is a difference. */
static int compare_dirs(int left, int right, const char *path, bool content) {
	struct tree_names old = {0}, new;
	if ((left >= 0 && tree_list(left, &old) < 0) || tree_list(right, &new) < 0) {
		tree_names_free(&old);
		return fail_at("read", path);
	}
	int found = 0;
	for (size_t i = 0, k = 0; found >= 0 && (i < old.count || k < new.count);) {
		int order = i == old.count ? 1 : k == new.count ? -1 : strcmp(old.names[i], new.names[k]);
		const char *name = order < 0 ? old.names[i] : new.names[k];
		char *below = NULL;
		if (asprintf(&below, "%s/%s", path, name) < 0) {
			found = untar_fail("io", "out of memory");
			break;
		}
		int rc = 1;
		if (order < 0) put('D', below);
		else if (order > 0) rc = put_added(right, name, below) < 0 ? -1 : 1;
		else rc = compare_entry(left, right, name, below, content);
		free(below);
		found = rc < 0 ? -1 : found | rc;
		i += order <= 0;
		k += order >= 0;
	}
	tree_names_free(&old);
	tree_names_free(&new);
	return found;
}

int mode_compare(int argc, char **argv) {
	const char *left = NULL, *right = NULL;
	bool content = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--content") == 0) content = true;
		else if (strcmp(argv[i], "--left") == 0 && i + 1 < argc) left = argv[++i];
		else if (strcmp(argv[i], "--right") == 0 && i + 1 < argc) right = argv[++i];
		else return untar_fail("io", "unknown flag or missing value: %s", argv[i]) < 0;
	}
	if (!left || !right) return untar_fail("io", "--left and --right are needed") < 0;
	tree_raise_files();
	int a = open(left, O_RDONLY | O_DIRECTORY | O_CLOEXEC), b = open(right, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a < 0 || b < 0) return fail_at("open", a < 0 ? left : right) < 0;
	int same = tree_same(a, b, ".", false);
	if (same < 0) return fail_at("compare", "/") < 0;
	if (!same) put('M', "/");
	if (compare_dirs(a, b, "", content) < 0) return 1;
	return fflush(stdout) == EOF ? fail_at("write", "the answer") < 0 : 0;
}
