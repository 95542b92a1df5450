/*
 * Mount trees to bind. They are opened before the first mount, so that none of the container's mounts is in them: by the parent when the
 * child will be in a user namespace, where their paths may be out of reach, else by the child. A source below the rootfs is opened when its
 * turn comes: it has in it what was mounted there before. Id maps are always made by the parent: it takes /proc, which counts processes as
 * the parent does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init/idmap.h"
#include "init/child.h"

bool is_mapped(const struct plan_op *op) { return op->code == PLAN_BIND && (op->f[9].n || op->f[11].n); }

bool is_below(const char *path, const char *rootfs) {
	size_t n = strlen(rootfs);

	return strncmp(path, rootfs, n) == 0 && path[n] == '/';
}

/* Wherever the root lies by now, and with its links followed inside it. */
static int open_inside(struct child *c, const char *path, bool recursive) {
	int place = root_open(c, path, O_PATH, 0), tree;

	if (place < 0) return -1;
	tree = clone_tree(place, recursive);
	close_fd(&place);
	return tree;
}

/* One of the container's own mounts, mapped: by the parent, which has the rights for it (map_inside.c). */
static int ask_for_tree(struct child *c, const struct plan_op *op) {
	int place = root_open(c, op->f[0].s + strlen(c->rootfs), O_PATH, 0);
	char ask[5] = {SYNC_TREE};

	if (place < 0) return -1;
	memcpy(ask + 1, &op->index, 4);
	child_send(c, ask, sizeof(ask), place);
	close_fd(&place);
	c->sources[op->index] = child_receive(c, SYNC_GO);
	return 0;
}

int open_tree_of(struct child *c, const struct plan_op *op) {
	bool recursive = op->code == PLAN_ROOTFS || (op->f[2].n & PLAN_BIND_RECURSIVE);
	bool inside = op->code == PLAN_BIND && c->root >= 0 && is_below(op->f[0].s, c->rootfs);
	int tree;

	if (inside && is_mapped(op) && (c->new_user || c->joined_user)) return ask_for_tree(c, op);
	tree = inside ? open_inside(c, op->f[0].s + strlen(c->rootfs), recursive) : open_source(op->f[0].s, recursive);
	if (tree < 0) return -1;
	c->sources[op->index] = tree;
	return is_mapped(op) ? map_ids(tree, op->f[2].n & PLAN_BIND_IDMAP_RECURSIVE, c->maps[op->index]) : 0;
}

int source_of(struct child *c, const struct plan_op *op) {
	if (c->sources[op->index] < 0 && open_tree_of(c, op)) {
		if (op->code == PLAN_ROOTFS) child_die(c, LAUNCH_INVALID, errno, "open rootfs \"%s\"", op->f[0].s);
		child_die(c, LAUNCH_INVALID, errno, "error mounting \"%s\" at \"%s\"", op->f[0].s, op->f[1].s);
	}
	return c->sources[op->index];
}

void open_sources_outside(struct child *c, const char *rootfs) {
	struct plan_cursor cursor;
	struct plan_op op;

	plan_rewind(c->plan, &cursor);
	while (plan_next(&cursor, &op))
		if (op.code == PLAN_BIND && !is_below(op.f[0].s, rootfs)) source_of(c, &op);
}

void close_sources(struct child *c) {
	for (uint32_t i = 0; i < c->plan->operations; i++) {
		if (c->sources) close_fd(&c->sources[i]);
		if (c->maps) close_fd(&c->maps[i]);
	}
	free(c->sources);
	free(c->maps);
}
