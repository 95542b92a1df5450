/* The mount trees that the parent opens for its child: see init/sources.c for which. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calls.h"
#include "init/idmap.h"
#include "launch/setup.h"

#define MS_SLAVE_FLAG (1 << 19)

static int prepare(struct setup *s, struct plan_op *op, const char *rootfs) {
	struct child *c = &s->child;

	if (is_mapped(op)) {
		if (geteuid() != 0)
			return launch_failed(s->error, LAUNCH_PERMISSION, 0, "the id-mapped mount at \"%s\" needs root's rights", op->f[1].s);
		c->maps[op->index] = open_map(op);
		if (c->maps[op->index] < 0)
			return launch_failed(s->error, LAUNCH_INVALID, errno, "make the id map of the mount at \"%s\"", op->f[1].s);
	}
	/* A caller without rights leaves them to the child, which has some in its namespace. */
	if (!c->new_user || geteuid() != 0 || (op->code == PLAN_BIND && is_below(op->f[0].s, rootfs))) return 0;
	if (open_tree_of(c, op))
		return op->code == PLAN_ROOTFS
		           ? launch_failed(s->error, LAUNCH_INVALID, errno, "open rootfs \"%s\"", op->f[0].s)
		           : launch_failed(s->error, LAUNCH_INVALID, errno, "error mounting \"%s\" at \"%s\"", op->f[0].s, op->f[1].s);
	if (sys_mount_setattr(c->sources[op->index], "", AT_EMPTY_PATH | AT_RECURSIVE, 0, 0, MS_SLAVE_FLAG, 0))
		return launch_failed(s->error, LAUNCH_INTERNAL, errno, "make \"%s\" a slave", op->f[0].s);
	return 0;
}

int prepare_sources(struct setup *s) {
	size_t bytes = sizeof(int) * ((size_t)s->plan.operations + 1);
	struct plan_cursor cursor;
	struct plan_op op;
	const char *rootfs = "";

	s->child.sources = malloc(bytes);
	s->child.maps = malloc(bytes);
	if (!s->child.sources || !s->child.maps) return launch_failed(s->error, LAUNCH_INTERNAL, ENOMEM, "launch");
	memset(s->child.sources, 0xff, bytes);
	memset(s->child.maps, 0xff, bytes);
	if (s->plan.kind != PLAN_CREATE) return 0;
	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		if (op.code == PLAN_ROOTFS) rootfs = op.f[0].s;
		if ((op.code == PLAN_ROOTFS || op.code == PLAN_BIND) && prepare(s, &op, rootfs)) return -1;
	}
	return 0;
}
