#define _GNU_SOURCE
#include "tree/copy.h"
#include "layers/tree_walk.h"
#include "layers/untar_path.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A directory on the way down. Its copy is made when something in it is copied: to is -1 until then. */
struct level {
	struct level *up;
	const char *name, *to_name;
	struct stat stat;
	int from, to;
	bool made, easy;
	bool direct; /* to is a directory of the file system itself */
	bool alone; /* from is the one layer's directory, see sole_layer */
	unsigned char *included, *excluded; /* which patterns matched it; NULL at the top */
	int layers[TREE_LAYERS]; /* the directory in each of the source's layers, -1 where it is not; those that are hidden are -1, too */
};

static void open_layers(const struct copy *c, struct level *at) {
	const struct level *up = at->up;
	bool hidden = !c->source;
	for (int i = 0; i < TREE_LAYERS; i++) {
		char opaque;
		at->layers[i] = -1;
		if (hidden || i >= c->source->layer_count || up->layers[i] < 0) continue;
		at->layers[i] = openat(up->layers[i], at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at->layers[i] < 0) hidden = errno != ENOENT; /* something else stands there */
		else hidden = fgetxattr(at->layers[i], "trusted.overlay.opaque", &opaque, 1) == 1;
	}
}

/*
 * The directory in the only layer that has it, or -1: it shows what overlayfs shows, without overlayfs' work for each file. One that was renamed has its files
 * elsewhere.
 */
static int sole_layer(const struct level *at) {
	int only = -1;
	for (int i = 0; i < TREE_LAYERS; i++) {
		if (at->layers[i] < 0) continue;
		if (only >= 0) return -1;
		only = at->layers[i];
	}
	return only >= 0 && fgetxattr(only, "trusted.overlay.redirect", NULL, 0) < 0 ? only : -1;
}

static void close_layers(struct level *at) {
	for (int i = 0; i < TREE_LAYERS; i++)
		if (at->layers[i] >= 0) close(at->layers[i]);
}

static char *path_of(const struct level *at, const char *name) {
	char *path = tree_dup(strcmp(name, ".") == 0 ? "" : name);
	for (; at; at = at->up) {
		if (!*at->to_name || strcmp(at->to_name, ".") == 0) continue;
		char *longer = *path ? tree_join(at->to_name, path) : tree_dup(at->to_name);
		free(path);
		path = longer;
	}
	return path;
}

static int fail_in(const char *what, const struct level *at, const char *name) {
	int saved = errno;
	char *path = path_of(at, name);
	errno = saved;
	tree_fail_at(what, path);
	free(path);
	return -1;
}

/* What is made in the directory belongs to root and has the mode asked for. */
static bool is_easy(int dir) {
	struct stat s;
	return fstat(dir, &s) == 0 && !(s.st_mode & S_ISGID) && fgetxattr(dir, "system.posix_acl_default", NULL, 0) < 0;
}

/*
 * A directory that was just made shows nothing from below, and nobody looked into it yet: what comes into it is made where overlayfs keeps it, which spares overlayfs'
 * work for each file, and lets files be links to those of another tree.
 */
static int open_upper(const struct copy *c, const struct level *at) {
	if (c->upper < 0 || at->up->direct) return -1;
	char *path = path_of(at->up, at->to_name);
	int fd = tree_open(c->upper, path, O_RDONLY | O_DIRECTORY);
	free(path);
	return fd;
}

/* The directory's copy, made or found. overwrite: one that was there takes the source's mode. */
static int open_copy(struct copy *c, struct level *at, bool overwrite) {
	struct stat s;
	if (at->to >= 0) return 0;
	if (at->up && open_copy(c, at->up, true) < 0) return -1;
	int dir = at->up->to;
	if (fstatat(dir, at->to_name, &s, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT) return fail_in("lstat", at->up, at->to_name);
		if (mkdirat(dir, at->to_name, 0700) < 0) return fail_in("mkdir", at->up, at->to_name);
		at->made = true;
	} else if (!S_ISDIR(s.st_mode)) {
		char *path = path_of(at->up, at->to_name);
		untar_fail("invalid", "cannot copy to non-directory: /%s", path);
		free(path);
		return -1;
	} else if (overwrite && fchmodat(dir, at->to_name, at->stat.st_mode & 07777, 0) < 0) return fail_in("chmod", at->up, at->to_name);
	at->to = at->made ? open_upper(c, at) : -1;
	at->direct = at->up->direct || at->to >= 0;
	if (at->to < 0) at->to = openat(dir, at->to_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at->to < 0) return fail_in("open", at->up, at->to_name);
	at->easy = is_easy(at->to);
	return 0;
}

static int copy_entry(struct copy *c, struct level *up, const char *name, const char *to_name, const char *below, bool overwrite);

static int copy_names(struct copy *c, struct level *at, const char *below) {
	struct tree_names names;
	if (tree_list(at->from, &names) < 0) return fail_in("open", at->up, at->to_name);
	int rc = 0;
	bool patterns = c->include.count > 0 || c->exclude.count > 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		char *path = patterns ? tree_join(below, names.names[i]) : NULL;
		rc = copy_entry(c, at, names.names[i], names.names[i], path ? path : names.names[i], true);
		free(path);
	}
	tree_names_free(&names);
	return rc;
}

static int copy_dir(struct copy *c, struct level *up, struct level *at, const char *below, bool include, bool overwrite) {
	struct stat old;
	bool there = up->to >= 0 && fstatat(up->to, at->to_name, &old, AT_SYMLINK_NOFOLLOW) == 0;
	open_layers(c, at);
	int sole = sole_layer(at);
	at->alone = sole >= 0;
	at->from = at->alone ? fcntl(sole, F_DUPFD_CLOEXEC, 0) : openat(up->from, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at->from < 0) {
		fail_in("open", up, at->to_name);
		close_layers(at);
		return -1;
	}
	int rc = include ? open_copy(c, at, overwrite) : 0;
	if (rc == 0) rc = copy_names(c, at, below);
	if (rc == 0 && at->to >= 0) {
		bool dress = include ? overwrite || at->made : at->made;
		char *path = path_of(up, at->to_name);
		if (dress) rc = copy_look(c, up->from, at->name, up->to, at->to_name, &at->stat, path);
		else if (include && there) {
			struct timespec times[2] = {at->stat.st_atim, at->stat.st_mtim};
			if (c->look.time != -1) rc = tree_set_time(up->to, at->to_name, c->look.time, path);
			else if (utimensat(up->to, at->to_name, times, AT_SYMLINK_NOFOLLOW) < 0) rc = tree_fail_at("utimes", path);
		}
		free(path);
	}
	close_layers(at);
	close(at->from);
	if (at->to >= 0) close(at->to);
	return rc;
}

static int clear_way(struct copy *c, struct level *up, const char *to_name, const struct stat *s) {
	struct stat old;
	if (fstatat(up->to, to_name, &old, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : fail_in("lstat", up, to_name);
	if (S_ISDIR(old.st_mode) && S_ISDIR(s->st_mode)) return 0;
	if (c->replace) return untar_remove_tree(up->to, to_name) < 0 ? fail_in("remove", up, to_name) : 0;
	if (S_ISDIR(s->st_mode)) return 0; /* told by open_copy */
	if (S_ISDIR(old.st_mode)) {
		char *path = path_of(up, to_name);
		untar_fail("invalid", "cannot replace to directory /%s with file", path);
		free(path);
		return -1;
	}
	return unlinkat(up->to, to_name, 0) < 0 ? fail_in("remove", up, to_name) : 0;
}

/* The source belongs to a tree that nobody writes to any more. Its file is taken as it is where it would look the same. */
static bool link_source(const struct copy *c, const struct level *up, const char *name, const char *to_name, const struct stat *s) {
	struct stat own;
	if (!c->source || !up->direct || !S_ISREG(s->st_mode) || c->look.time != -1) return false;
	if (c->look.uid >= 0 && ((uid_t)c->look.uid != s->st_uid || (gid_t)c->look.gid != s->st_gid)) return false;
	if (copy_mode(c, s->st_mode) != (s->st_mode & 07777)) return false;
	for (int i = 0; i < c->source->layer_count; i++) {
		if (up->layers[i] < 0) continue;
		if (up->alone) own = *s;
		else if (fstatat(up->layers[i], name, &own, AT_SYMLINK_NOFOLLOW) < 0) continue;
		bool same = own.st_ino == s->st_ino && own.st_size == s->st_size && own.st_mode == s->st_mode;
		return same && !c->shared[i] && shared_files_take(c->files, c->target, &own, c->action) &&
		       linkat(up->layers[i], name, up->to, to_name, 0) == 0;
	}
	return false;
}

static int copy_other(struct copy *c, struct level *up, const char *name, const char *to_name, const struct stat *s) {
	if (link_source(c, up, name, to_name, s)) return 0;
	char *path = path_of(up, to_name);
	struct stat shown = *s;
	if (up->alone) shown.st_dev = c->device; /* as overlayfs says of another name of the file */
	const char *first = S_ISREG(s->st_mode) && s->st_nlink > 1 ? link_table_find(&c->links, &shown) : NULL;
	int rc;
	if (first) {
		const char *last;
		int dir = tree_open_parent(c->to, first, &last);
		rc = dir < 0 || linkat(dir, last, up->to, to_name, 0) < 0 ? tree_fail_at("link", path) : 0;
		if (dir >= 0) close(dir);
	} else {
		rc = S_ISREG(s->st_mode) && s->st_nlink > 1 ? link_table_add(&c->links, &shown, path) : 0;
		if (rc == 0 && S_ISREG(s->st_mode)) rc = copy_regular(c, up->from, name, up->to, to_name, s, up->easy, path);
		else if (rc == 0) {
			rc = copy_special(up->from, name, up->to, to_name, s, path);
			if (rc == 0) rc = copy_look(c, up->from, name, up->to, to_name, s, path);
		}
	}
	free(path);
	return rc;
}

/* below: the path under what is copied, for the patterns; "" for that itself. */
static int copy_entry(struct copy *c, struct level *up, const char *name, const char *to_name, const char *below, bool overwrite) {
	struct level at = {.up = up, .name = name, .to_name = to_name, .from = -1, .to = -1};
	bool include = true;
	if (fstatat(up->from, name, &at.stat, AT_SYMLINK_NOFOLLOW) < 0) return fail_in("lstat", up, name);
	if (S_ISCHR(at.stat.st_mode) && at.stat.st_rdev == 0) return 0; /* a whiteout of a lowest layer: nothing */
	unsigned char *marks = NULL;
	if (*below && (c->include.count > 0 || c->exclude.count > 0)) {
		marks = calloc(c->include.count + c->exclude.count + 1, 1);
		if (!marks) return untar_fail("io", "out of memory");
		at.included = marks;
		at.excluded = marks + c->include.count;
		if (c->include.count > 0) include = patterns_match(&c->include, below, up->included, at.included);
		if (c->exclude.count > 0 && patterns_match(&c->exclude, below, up->excluded, at.excluded)) include = false;
	}
	int rc = 0;
	if (include) rc = up->to < 0 ? open_copy(c, up, overwrite) : 0;
	if (rc == 0 && include && !up->made) rc = clear_way(c, up, to_name, &at.stat);
	if (rc == 0 && S_ISDIR(at.stat.st_mode)) rc = copy_dir(c, up, &at, below, include, overwrite);
	else if (rc == 0 && include) rc = copy_other(c, up, name, to_name, &at.stat);
	free(marks);
	return rc;
}

/* The directory that the source lies in, in each layer. */
static void open_top_layers(const struct copy *c, const char *source, struct level *top) {
	const char *slash = strrchr(source, '/');
	struct level above = {.name = ""}, at = {.up = &above};
	for (int i = 0; i < TREE_LAYERS; i++) above.layers[i] = c->source && i < c->source->layer_count ? dup(c->source->layers[i]) : -1;
	for (const char *part = source; slash && part < slash;) {
		size_t n = strcspn(part, "/");
		char *name = strndup(part, n);
		if (!name) break;
		at.name = name;
		open_layers(c, &at);
		close_layers(&above);
		memcpy(above.layers, at.layers, sizeof above.layers);
		free(name);
		part += n + 1;
	}
	memcpy(top->layers, above.layers, sizeof top->layers);
}

/* The top level: two directories that are there. */
static int copy_top(struct copy *c, const char *source, const char *destination) {
	const char *from_name, *to_name;
	struct level top = {.from = -1, .to = -1, .to_name = ""};
	for (int i = 0; i < TREE_LAYERS; i++) top.layers[i] = -1;
	char *above = tree_dup(destination), *slash = strrchr(above, '/');
	*(slash ? slash : above) = 0;
	top.from = tree_open_parent(c->from, source, &from_name);
	top.to = tree_open_parent(c->to, destination, &to_name);
	top.to_name = above;
	int rc = top.from < 0 ? tree_fail_at("lstat", source) : top.to < 0 ? tree_fail_at("lstat", destination) : 0;
	if (rc == 0) {
		top.easy = is_easy(top.to);
		top.direct = c->upper < 0;
		open_top_layers(c, source, &top);
		rc = copy_entry(c, &top, from_name, to_name, "", false);
	}
	close_layers(&top);
	if (top.from >= 0) close(top.from);
	if (top.to >= 0) close(top.to);
	free(above);
	return rc;
}

int copy_to(struct copy *c, const char *source, const char *base, const char *destination) {
	struct stat s, d;
	struct tree_made made = {0};
	if (tree_stat(c->from, source, &s) < 0) return tree_fail_at("lstat", source);
	c->device = fstat(c->from, &d) == 0 ? d.st_dev : s.st_dev;
	bool there = tree_stat(c->to, destination, &d) == 0;
	if (!there && errno != ENOENT && errno != ENOTDIR) return tree_fail_at("failed to lstat destination path", destination);
	bool into = there && (S_ISDIR(s.st_mode) ? !c->contents : S_ISDIR(d.st_mode)) && *base;
	char *path = into ? tree_join(destination, base) : tree_dup(destination), *above = tree_dup(path), *slash = strrchr(above, '/');
	bool whole = c->contents && S_ISDIR(s.st_mode) && !there;
	if (!whole) *(slash ? slash : above) = 0;
	int rc = tree_make_dirs(c->to, above, c->mode >= 0 && c->change_count == 0 ? (mode_t)c->mode & 0777 : 0755, &c->look, &made);
	if (rc == 0) rc = copy_top(c, source, path);
	if (tree_settle_made(c->to, &made, &c->look) < 0) rc = -1;
	free(above);
	free(path);
	return rc;
}
