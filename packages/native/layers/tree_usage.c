/*
 * Mode `usage`: what a tree takes on disk.
 *
 *   gantry-native usage --root DIR
 *
 * Answers {"size","inodes"} on stdout: allocated bytes and inodes, a file of several names once. What vanishes while it is walked is not counted. Failures as in
 * untar.c.
 */
#define _GNU_SOURCE
#include "layers/link_table.h"
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int mode_usage(int argc, char **argv);

struct usage {
	struct link_table seen;
	uint64_t size, inodes;
};

static int add(struct usage *u, const struct stat *s) {
	if (s->st_nlink > 1 && !S_ISDIR(s->st_mode)) {
		if (link_table_find(&u->seen, s)) return 0;
		if (link_table_add(&u->seen, s, "") < 0) return -1;
	}
	u->size += (uint64_t)s->st_blocks * 512;
	u->inodes++;
	return 0;
}

/* Takes the descriptor. */
static int add_below(struct usage *u, int fd) {
	DIR *dir = fdopendir(fd);
	int rc = 0;
	if (!dir) {
		close(fd);
		return untar_fail("io", "readdir: %s", strerror(errno));
	}
	for (struct dirent *d; rc == 0 && (d = readdir(dir));) {
		struct stat s;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
		if (fstatat(fd, d->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0) continue;
		rc = add(u, &s);
		if (rc < 0 || !S_ISDIR(s.st_mode)) continue;
		int below = openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0) rc = add_below(u, below);
	}
	closedir(dir);
	return rc;
}

int mode_usage(int argc, char **argv) {
	static struct usage u;
	struct stat s;
	if (argc != 3 || strcmp(argv[1], "--root") != 0) {
		fprintf(stderr, "usage: gantry-native usage --root DIR\n");
		return 2;
	}
	tree_raise_files();
	int root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0 && fstat(root, &s) == 0 && (add(&u, &s) < 0 || add_below(&u, root) < 0)) return 1;
	if (root < 0 && errno != ENOENT) return untar_fail_at("open", argv[2]) < 0;
	link_table_free(&u.seen);
	printf("{\"size\":%" PRIu64 ",\"inodes\":%" PRIu64 "}\n", u.size, u.inodes);
	return 0;
}
