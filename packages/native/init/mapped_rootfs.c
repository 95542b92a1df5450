/*
 * A root file system seen through an id map. Overlayfs cannot be mapped itself, its layers can (Linux 5.19): each is cloned, given the map and
 * handed over by descriptor (6.13; detached mounts 6.15), so that nothing is ever visible in a mount namespace. The files keep the ids of the
 * image on disk: what one container wrote is read by another one with another map, or none.
 *
 * Overlayfs makes its temporary files as whoever mounted it. Root has no id in a container's map, so that the upper directory's map has one
 * more id, the first beyond the container's, which stands for it; a file gets its true owner before it can be seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "init/child.h"
#include "init/idmap.h"

#ifndef FSCONFIG_SET_FD
#define FSCONFIG_SET_FD 5
#endif

#define LAYERS 512 /* overlayfs takes 500 */

struct stack {
	int fs, plain, with_root; /* the context, and the two user namespaces */
	int trees[LAYERS], count; /* the kernel takes a detached tree apart when its descriptor is closed: kept until they are stacked */
	const struct mapped_mount *m;
	char upper[PATH_MAX], work[PATH_MAX];
	char *why;
	size_t size;
};

static int failed(struct stack *s, const char *what, const char *path) {
	int err = errno;

	snprintf(s->why, s->size, "%s %s", what, path);
	errno = err;
	return -1;
}

/* The map with one more line for root outside, unless it has one. False when it is no map. */
static bool add_root(const char *map, char *out, size_t size) {
	unsigned long inside, outside, count, top = 0;
	bool has_root = false;
	int length, used;

	for (const char *line = map; *line; line += used) {
		if (sscanf(line, "%lu %lu %lu%n", &inside, &outside, &count, &used) != 3 || inside + count > 0xffffffffUL) return false;
		has_root |= outside == 0 && count > 0;
		if (inside + count > top) top = inside + count;
		used += line[used] == '\n';
	}
	length = has_root ? snprintf(out, size, "%s", map) : snprintf(out, size, "%s%lu 0 1\n", map, top);
	return length > 0 && (size_t)length < size;
}

/* A detached tree, kept in s; -1 with errno. */
static int mapped_tree(struct stack *s, const char *path, bool recursive, int space) {
	int tree;

	if (s->count == LAYERS) return errno = E2BIG, -1;
	tree = open_source(path, recursive);
	if (tree < 0) return -1;
	s->trees[s->count++] = tree;
	return map_ids(tree, recursive, space) ? -1 : tree;
}

static int add_layer(struct stack *s, const char *path) {
	int tree = mapped_tree(s, path, false, s->plain);

	if (tree < 0) return failed(s, "map the layer", path);
	if (sys_fsconfig(s->fs, FSCONFIG_SET_FD, "lowerdir+", NULL, tree))
		return failed(s, "give overlayfs a layer by descriptor (Linux 6.15 does):", path);
	return 0;
}

/* Colons part the layers; a backslash takes their meaning away. */
static int add_layers(struct stack *s, const char *list) {
	char path[PATH_MAX];
	size_t n = 0;

	for (;; list++) {
		if (*list == '\\' && list[1]) {
			list++;
		} else if (*list == ':' || !*list) {
			path[n] = 0;
			if (!n || add_layer(s, path)) return n ? -1 : (errno = EINVAL, failed(s, "an empty layer in", s->m->target));
			n = 0;
			if (!*list) return 0;
			continue;
		}
		if (n + 1 == sizeof(path)) return errno = ENAMETOOLONG, failed(s, "read the layers of", s->m->target);
		path[n++] = *list;
	}
}

/* Both lie in one directory, which is mapped as a whole: overlayfs wants them on one mount. */
static int add_upper(struct stack *s) {
	char parent[PATH_MAX], *slash;
	const char *const paths[] = {s->upper, s->work}, *const keys[] = {"upperdir", "workdir"};
	int tree, result = 0;
	size_t n;

	memcpy(parent, s->upper, sizeof(parent));
	slash = strrchr(parent, '/');
	n = slash ? (size_t)(slash - parent) + 1 : 0;
	if (n < 2 || strncmp(parent, s->work, n) != 0)
		return errno = EINVAL, failed(s, "upperdir and workdir are not in one directory:", s->upper);
	*slash = 0;
	tree = mapped_tree(s, parent, false, s->with_root);
	if (tree < 0) return failed(s, "map", parent);
	for (int i = 0; i < 2 && !result; i++) {
		int fd = openat(tree, paths[i] + n, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || sys_fsconfig(s->fs, FSCONFIG_SET_FD, keys[i], NULL, fd)) result = failed(s, keys[i], paths[i]);
		if (fd >= 0) close(fd);
	}
	return result;
}

static int set_option(struct stack *s, char *word) {
	char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;

	if (equals) *equals = 0;
	if (value && strcmp(word, "lowerdir") == 0) return add_layers(s, value);
	if (value && (strcmp(word, "upperdir") == 0 || strcmp(word, "workdir") == 0)) {
		char *to = *word == 'u' ? s->upper : s->work;

		return strlen(value) < PATH_MAX ? (strcpy(to, value), 0) : (errno = ENAMETOOLONG, failed(s, "read", word));
	}
	return sys_fsconfig(s->fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, word, value, 0) ? failed(s, "option", word) : 0;
}

static int set_options(struct stack *s) {
	char *data = strdup(s->m->data ? s->m->data : ""), *rest = NULL;
	int result = data ? 0 : failed(s, "read the options of", s->m->target);

	for (char *word = data ? strtok_r(data, ",", &rest) : NULL; word && !result; word = strtok_r(NULL, ",", &rest))
		result = set_option(s, word);
	free(data);
	if (!result && s->upper[0]) result = add_upper(s);
	return result;
}

static unsigned attributes(unsigned long flags) {
	return (flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) | (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
	       (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) | (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
}

/* A detached mount, or -1. */
static int stack_layers(struct stack *s) {
	int mount;

	s->fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (s->fs < 0) return failed(s, "open", "overlayfs");
	if (sys_fsconfig(s->fs, FSCONFIG_SET_STRING, "source", s->m->source ? s->m->source : "overlay", 0) || set_options(s)) return -1;
	if ((s->m->flags & MS_RDONLY) && sys_fsconfig(s->fs, FSCONFIG_SET_FLAG, "ro", NULL, 0))
		return failed(s, "mount read-only", s->m->target);
	if (sys_fsconfig(s->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) return failed(s, "stack the layers of", s->m->target);
	mount = sys_fsmount(s->fs, FSMOUNT_CLOEXEC, attributes(s->m->flags));
	return mount < 0 ? failed(s, "mount", s->m->target) : mount;
}

static int bind_tree(struct stack *s) {
	bool recursive = s->m->flags & MS_REC;
	int tree = mapped_tree(s, s->m->source ? s->m->source : "", recursive, s->plain);

	if (tree < 0 || set_attr(tree, recursive, attributes(s->m->flags), 0, 0)) return failed(s, "map", s->m->source ? s->m->source : "");
	return tree;
}

static void close_all(struct stack *s) {
	int err = errno;

	for (int i = 0; i < s->count; i++) close(s->trees[i]);
	for (int *fd = (int[]){s->fs, s->plain, s->with_root, -2}; *fd != -2; fd++)
		if (*fd >= 0) close(*fd);
	errno = err;
}

static int check(struct stack *s, bool overlay) {
	const unsigned long known = MS_BIND | MS_REC | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	errno = EINVAL;
	if ((!overlay && !(s->m->flags & MS_BIND)) || (s->m->flags & ~known))
		return failed(s, "an id map needs an overlay or a bind, with plain options, at", s->m->target);
	return 0;
}

int mount_mapped(const struct mapped_mount *m, char *why, size_t size) {
	struct stack s = {.fs = -1, .plain = -1, .with_root = -1, .m = m, .why = why, .size = size};
	bool overlay = m->type && strcmp(m->type, "overlay") == 0;
	char uids[4096], gids[4096];
	int tree = -1, result = -1;

	why[0] = 0;
	if (check(&s, overlay)) return -1;
	if (!add_root(m->uids, uids, sizeof(uids)) || !add_root(m->gids, gids, sizeof(gids)))
		return failed(&s, "read the id map of", m->target);
	s.plain = make_namespace(m->uids, m->gids);
	s.with_root = make_namespace(uids, gids);
	if (s.plain < 0 || s.with_root < 0) failed(&s, "make the id map of", m->target);
	else tree = overlay ? stack_layers(&s) : bind_tree(&s);
	if (tree >= 0) result = sys_move_mount(tree, "", AT_FDCWD, m->target, MOVE_MOUNT_F_EMPTY_PATH) ? failed(&s, "mount at", m->target) : 0;
	if (tree >= 0 && overlay) close(tree);
	close_all(&s);
	return result;
}
