/* The root: laid at its own path in the new mount namespace, and entered. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/child.h"

#define MS_PRIVATE_FLAG (1 << 18)
#define MS_SLAVE_FLAG (1 << 19)
#define MS_REC_FLAG 16384
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);

static int statx_mount(int fd, unsigned long long *id) {
	struct statx st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) || !(st.stx_mask & STATX_MNT_ID)) return -1;
	*id = st.stx_mnt_id;
	return 0;
}

/* The mount that `dir` lies on becomes private, so that what is laid on it does not travel to the host. */
static int isolate_parent(int dir) {
	char self[64], path[PATH_MAX];
	unsigned long long id, other;
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 3), result;
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
	n = readlink(self, path, sizeof(path) - 1);
	if (at < 0 || n <= 0 || path[0] != '/' || statx_mount(dir, &id)) {
		if (at >= 0) close(at);
		return -1;
	}
	path[n] = 0;
	/* Up while the mount stays the same: its root is the last such place. */
	while (path[1]) {
		char *slash = strrchr(path, '/');
		int up;

		slash[slash == path ? 1 : 0] = 0;
		up = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || statx_mount(up, &other) || other != id) {
			if (up >= 0) close(up);
			break;
		}
		close(at);
		at = up;
	}
	result = set_attr(at, false, 0, 0, MS_PRIVATE_FLAG);
	close(at);
	return result;
}

/*
 * To the mount namespace's own root: pivot_root(2) moves the caller's root only, so that under an engine in a chroot whoever joins the
 * namespace later (setns(2), an exec) would stand on the host's root.
 */
static void leave_chroot(struct child *c) {
	int own;

	if (c->at_home) return;
	own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(own, CLONE_NEWNS)) child_fail(c, errno, "go to the root of the mount namespace");
	close(own);
}

/*
 * Without pivot_root the host's mounts stay below the container's root. A complete procfs or sysfs among them would let a user namespace
 * in the container mount one of its own, without what is masked here.
 */
static void drop_kernel_mounts(struct child *c) {
	char *line = NULL, point[PATH_MAX], type[64];
	size_t room = 0;
	FILE *file;

	if (mount(NULL, "/", NULL, MS_SLAVE_FLAG | MS_REC_FLAG, NULL)) child_fail(c, errno, "make / a slave");
	file = fopen("/proc/self/mountinfo", "re");
	if (!file) child_fail(c, errno, "read the mounts");
	while (getline(&line, &room, file) > 0) {
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*d %*d %*s %*s %4095s", point) != 1 || sscanf(rest, " - %63s", type) != 1) continue;
		if (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0) continue;
		if (umount2(point, 2 /* MNT_DETACH */) && errno != EINVAL && errno != ENOENT) child_fail(c, errno, "unmount \"%s\"", point);
	}
	free(line);
	fclose(file);
}

static void lay_on_top(struct child *c, int tree, const char *path, bool alone) {
	int place;

	leave_chroot(c);
	if (alone) drop_kernel_mounts(c);
	place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0) child_fail(c, errno, "open /");
	if (mount(NULL, "/", NULL, MS_PRIVATE_FLAG, NULL)) child_fail(c, errno, "make / private");
	if (attach(tree, place)) child_fail(c, errno, "mount rootfs \"%s\"", path);
	close(place);
	c->on_top = true;
}

/*
 * At its own path, where hooks that enter the namespace look for it, over a private copy of itself: pivot_root wants a root whose parent is
 * private. Where the path cannot be walked (a user namespace may not see it), on "/".
 */
static void lay_in_namespace(struct child *c, int tree, const char *path) {
	int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int below = place < 0 || isolate_parent(place) ? -1 : sys_open_tree(tree, "", AT_EMPTY_PATH | 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);

	if (below >= 0 && set_attr(below, false, 0, 0, MS_PRIVATE_FLAG) == 0 && attach(below, place) == 0) {
		if (attach(tree, below)) child_fail(c, errno, "mount rootfs \"%s\"", path);
		close(below);
		close(place);
		return;
	}
	if (below >= 0) close(below);
	if (place >= 0) close(place);
	lay_on_top(c, tree, path, false);
}

void do_rootfs(struct child *c, struct plan_op *op) {
	const char *path = op->f[0].s;
	int tree = source_of(c, op);
	uint64_t where = op->f[1].n & ~(uint64_t)PLAN_ROOTFS_FOLLOW;
	struct stat st;

	if (fstat(tree, &st) || !S_ISDIR(st.st_mode)) child_die(c, LAUNCH_INVALID, 0, "rootfs \"%s\" is not a directory", path);
	if (set_attr(tree, false, 0, 0, op->f[1].n & PLAN_ROOTFS_FOLLOW ? MS_SLAVE_FLAG : MS_PRIVATE_FLAG))
		child_fail(c, errno, "make rootfs \"%s\" private", path);
	open_sources_outside(c, path);
	if (where == PLAN_ROOTFS_ON_TOP) {
		lay_on_top(c, tree, path, true);
	} else if (where == PLAN_ROOTFS_IN_PLACE) {
		int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (place < 0 || attach(tree, place)) child_fail(c, errno, "mount rootfs \"%s\"", path);
		close(place);
	} else {
		lay_in_namespace(c, tree, path);
	}
	c->root = tree;
	c->rootfs = path;
}

void do_root_attr(struct child *c, struct plan_op *op) {
	if (set_attr(c->root, false, op->f[0].n, 0, 0)) child_fail(c, errno, "make the rootfs read-only");
	if (set_attr(c->root, op->f[1].n & MS_REC_FLAG, 0, 0, op->f[1].n & ~(uint64_t)MS_REC_FLAG))
		child_fail(c, errno, "set the propagation of the rootfs");
}

void do_pivot(struct child *c, bool move) {
	int old;

	if (!move && !c->on_top) leave_chroot(c);
	old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fchdir(c->root)) child_fail(c, errno, "enter the rootfs");
	if (move) {
		if (chroot(".")) child_fail(c, errno, "chroot to the rootfs");
	} else {
		if (syscall(SYS_pivot_root, ".", ".")) child_fail(c, errno, "pivot_root");
		if (fchdir(old) || mount(NULL, ".", NULL, MS_SLAVE_FLAG | MS_REC_FLAG, NULL) || umount2(".", 2 /* MNT_DETACH */))
			child_fail(c, errno, "unmount the old root");
	}
	if (chdir("/")) child_fail(c, errno, "chdir to /");
	close(old);
	c->in_root = true;
}
