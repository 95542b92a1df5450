/*
 * Layers laid over one another, into the directory that a snapshot's changes lie in: its path; the tree that shows through it (1 and its mounts, or 0); then a
 * number of layers, each a letter (a number) and
 *   l  the directory that one snapshot of overlayfs keeps its changes in, and what that snapshot lies on (1 and its mounts, or 0): what is the same there is
 *      no change, and of a directory that was made anew what was there is taken away, not what others put there,
 *   k  the first alone, for a target that lies on what that snapshot lies on: what it hides is hidden as it does it,
 *   c  two trees, each a number (1: its mounts follow; 0: an empty tree): what the second has against the first.
 * What lies on the same file system is linked, not copied: it belongs to snapshots that nobody writes to any more.
 */
#define _GNU_SOURCE
#include "layers/tree_walk.h"
#include "layers/untar_path.h"
#include "layers/untar_report.h"
#include "layers/untar_state.h"
#include "tree/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

struct stack {
	struct copy copy; /* everything as the source has it */
	int below; /* the tree that shows through the target, where what is to be hidden needs a mark; -1: what is removed is gone */
	bool no_link;
	bool keep_marks; /* whiteouts are copied as they are */
};

/* A directory of the target, made when something comes into it. */
struct place {
	struct place *up;
	const char *name;
	int source_dir; /* where the directory itself is found, by its name */
	int fd;
	int below; /* what shows through from below the target; -1: nothing */
	bool changed, dressed;
};

static bool is_whiteout(const struct stat *s) { return S_ISCHR(s->st_mode) && s->st_rdev == 0; }

static int open_dir(int dir, const char *name) { return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

static bool is_opaque(int fd) {
	char value;
	return fgetxattr(fd, UNTAR_OPAQUE, &value, 1) == 1 && value == 'y';
}

static int mark_opaque(int fd, const char *name) {
	return fsetxattr(fd, UNTAR_OPAQUE, "y", 1, 0) < 0 ? tree_fail_at("mark opaque", name) : 0;
}

/* The directory in the target. fresh: nothing that was there shows in it. */
static int open_place(struct stack *st, struct place *at, bool fresh) {
	struct stat s;
	if (at->fd >= 0 && !fresh) return 0;
	if (at->up && open_place(st, at->up, false) < 0) return -1;
	if (!at->up) return 0;
	at->up->changed = true;
	int dir = at->up->fd;
	bool there = fstatat(dir, at->name, &s, AT_SYMLINK_NOFOLLOW) == 0, hidden = fresh;
	if (there && (fresh || !S_ISDIR(s.st_mode))) {
		hidden = true;
		if (untar_remove_tree(dir, at->name) < 0) return tree_fail_at("remove", at->name);
		there = false;
	}
	if (!there && mkdirat(dir, at->name, 0700) < 0) return tree_fail_at("mkdir", at->name);
	if (at->fd >= 0) close(at->fd);
	at->fd = open_dir(dir, at->name);
	if (at->fd < 0) return tree_fail_at("open", at->name);
	if (at->below < 0 && at->up->below >= 0) at->below = open_dir(at->up->below, at->name);
	if (at->below < 0) return 0;
	bool covered = hidden || is_opaque(at->fd);
	if (covered) {
		close(at->below);
		at->below = -1;
	}
	return hidden ? mark_opaque(at->fd, at->name) : 0;
}

/* Owner, mode, xattrs and times, when all that comes into it is there. */
static int close_place(struct stack *st, struct place *at) {
	struct stat s;
	int rc = 0;
	if (at->fd >= 0 && (at->changed || at->dressed)) {
		if (fstatat(at->source_dir, at->name, &s, AT_SYMLINK_NOFOLLOW) < 0) rc = tree_fail_at("lstat", at->name);
		else rc = copy_look(&st->copy, at->source_dir, at->name, at->up ? at->up->fd : at->fd, at->up ? at->name : ".", &s, at->name);
	}
	if (at->up && at->fd >= 0) close(at->fd);
	if (at->up && at->below >= 0) close(at->below);
	return rc;
}

/* A mark where nothing shows through would show itself. */
static int hide(struct stack *st, struct place *in, const char *name) {
	if (open_place(st, in, false) < 0) return -1;
	in->changed = true;
	if (untar_remove_tree(in->fd, name) < 0 && errno != ENOENT) return tree_fail_at("remove", name);
	struct stat s;
	if (st->keep_marks) return mknodat(in->fd, name, S_IFCHR, 0) < 0 ? tree_fail_at("hide", name) : 0;
	if (in->below < 0 || fstatat(in->below, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return 0;
	return mknodat(in->fd, name, S_IFCHR, 0) < 0 ? tree_fail_at("hide", name) : 0;
}

/* Where an inode of several names was copied to first is known by its whole path: the target's directories are the engine's own. */
static int put_copy(struct stack *st, int from, const char *name, int to, const struct stat *s) {
	char self[64], path[PATH_MAX];
	bool several = S_ISREG(s->st_mode) && s->st_nlink > 1;
	const char *first = several ? link_table_find(&st->copy.links, s) : NULL;
	if (first) return linkat(AT_FDCWD, first, to, name, 0) < 0 ? tree_fail_at("link", name) : 0;
	if (several) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", to);
		ssize_t n = readlink(self, path, sizeof path - 1);
		if (n < 0) return tree_fail_at("readlink", self);
		path[n] = 0;
		char *whole = tree_join(path, name);
		int rc = link_table_add(&st->copy.links, s, whole);
		free(whole);
		if (rc < 0) return -1;
	}
	if (S_ISREG(s->st_mode)) return copy_regular(&st->copy, from, name, to, name, s, false, name);
	return copy_special(from, name, to, name, s, name) < 0 ? -1 : copy_look(&st->copy, from, name, to, name, s, name);
}

static int put_other(struct stack *st, struct place *in, int from, const char *name, const struct stat *s) {
	if (open_place(st, in, false) < 0) return -1;
	in->changed = true;
	if (untar_remove_tree(in->fd, name) < 0 && errno != ENOENT) return tree_fail_at("remove", name);
	/* A layer laid out alone is its own tree's image. Of several, two may hold one file by different paths, and what stands below may, too. */
	if (!st->no_link && (st->keep_marks || s->st_nlink == 1)) {
		if (linkat(from, name, in->fd, name, 0) == 0) return 0;
		if (errno != EXDEV && errno != EMLINK && errno != EPERM) return tree_fail_at("link", name);
		st->no_link = errno == EXDEV;
	}
	return put_copy(st, from, name, in->fd, s);
}

static int put_layer(struct stack *st, struct place *at, int from, int lower);

/* What a directory of a layer stands on; -1: nothing. */
static int open_lower(int lower, const char *name) {
	int fd = lower < 0 ? -1 : open_dir(lower, name);
	return fd < 0 && lower >= 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP ? tree_fail_at("open", name) - 1 : fd;
}

/* Whether an entry of a layer is as what it stands on has it. The mark of a directory that was made anew is none of its own attributes. */
static int same_as_lower(int lower, int from, const char *name, const struct stat *s, bool opaque) {
	struct stat old;
	if (lower < 0 || fstatat(lower, name, &old, AT_SYMLINK_NOFOLLOW) < 0 || (old.st_mode & S_IFMT) != (s->st_mode & S_IFMT)) return 0;
	if (opaque) return old.st_mode == s->st_mode && old.st_uid == s->st_uid && old.st_gid == s->st_gid;
	int same = tree_same(lower, from, name, true);
	return same < 0 ? tree_fail_at("compare", name) : same;
}

/* Takes away what a directory that was made anew does not have any more. */
static int hide_old(struct stack *st, struct place *at, int lower, int from) {
	struct tree_names old;
	struct stat s;
	if (tree_list(lower, &old) < 0) return tree_fail_at("read", at->name);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < old.count; i++)
		if (fstatat(from, old.names[i], &s, AT_SYMLINK_NOFOLLOW) < 0) rc = hide(st, at, old.names[i]);
	tree_names_free(&old);
	return rc;
}

static int put_directory(struct stack *st, struct place *in, int from, int lower, const char *name, const struct stat *s, int fd) {
	struct place at = {.up = in, .name = name, .source_dir = from, .fd = -1, .below = -1};
	bool opaque = is_opaque(fd);
	int same = same_as_lower(lower, from, name, s, opaque);
	if (same < 0) return -1;
	int beneath = open_lower(lower, name);
	if (beneath < -1) return -1;
	at.dressed = !same;
	int rc = same ? 0 : open_place(st, &at, opaque && st->keep_marks);
	if (rc == 0 && opaque && st->keep_marks) rc = mark_opaque(at.fd, name);
	if (rc == 0 && opaque && beneath >= 0) rc = hide_old(st, &at, beneath, fd);
	if (rc == 0) rc = put_layer(st, &at, fd, beneath);
	if (close_place(st, &at) < 0) rc = -1;
	if (beneath >= 0) close(beneath);
	return rc;
}

static int put_entry(struct stack *st, struct place *in, int from, int lower, const char *name) {
	struct stat s;
	if (fstatat(from, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return tree_fail_at("lstat", name);
	if (is_whiteout(&s)) return hide(st, in, name);
	if (!S_ISDIR(s.st_mode)) {
		int same = same_as_lower(lower, from, name, &s, false);
		return same != 0 ? (same < 0 ? -1 : 0) : put_other(st, in, from, name, &s);
	}
	int fd = open_dir(from, name);
	if (fd < 0) return tree_fail_at("open", name);
	int rc = fgetxattr(fd, "trusted.overlay.redirect", NULL, 0) >= 0
	             ? untar_fail("io", "directory %s of a layer was renamed in place (redirect_dir): not supported", name)
	             : put_directory(st, in, from, lower, name, &s, fd);
	close(fd);
	return rc;
}

static int put_layer(struct stack *st, struct place *at, int from, int lower) {
	struct tree_names names;
	if (tree_list(from, &names) < 0) return tree_fail_at("read", at->name);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) rc = put_entry(st, at, from, lower, names.names[i]);
	tree_names_free(&names);
	return rc;
}

static int put_changes(struct stack *st, struct place *at, int left, int right);

/* What both have. */
static int put_change(struct stack *st, struct place *in, int left, int right, const char *name) {
	struct stat old, new;
	if (fstatat(left, name, &old, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(right, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail_at("lstat", name);
	if (!S_ISDIR(old.st_mode) || !S_ISDIR(new.st_mode)) {
		int same = (old.st_mode & S_IFMT) == (new.st_mode &S_IFMT) ? tree_same(left, right, name, true) : 0;
		if (same < 0) return tree_fail_at("compare", name);
		return same ? 0 : put_entry(st, in, right, -1, name);
	}
	struct place at = {.up = in, .name = name, .source_dir = right, .fd = -1, .below = -1};
	int one = open_dir(left, name), other = open_dir(right, name), rc = one < 0 || other < 0 ? tree_fail_at("open", name) : 0;
	int same = rc < 0 ? -1 : tree_same(left, right, name, false);
	if (rc == 0 && same < 0) rc = tree_fail_at("compare", name);
	if (rc == 0 && !same) {
		at.dressed = true;
		rc = open_place(st, &at, false);
	}
	if (rc == 0) rc = put_changes(st, &at, one, other);
	if (close_place(st, &at) < 0) rc = -1;
	if (one >= 0) close(one);
	if (other >= 0) close(other);
	return rc;
}

static int put_changes(struct stack *st, struct place *at, int left, int right) {
	struct tree_names old = {0}, new = {0};
	int rc = 0;
	if ((left >= 0 && tree_list(left, &old) < 0) || (right >= 0 && tree_list(right, &new) < 0)) rc = tree_fail_at("read", at->name);
	for (size_t i = 0, k = 0; rc == 0 && (i < old.count || k < new.count);) {
		int order = i == old.count ? 1 : k == new.count ? -1 : strcmp(old.names[i], new.names[k]);
		if (order < 0) rc = hide(st, at, old.names[i]);
		else rc = order > 0 ? put_entry(st, at, right, -1, new.names[k]) : put_change(st, at, left, right, new.names[k]);
		i += order <= 0;
		k += order >= 0;
	}
	tree_names_free(&old);
	tree_names_free(&new);
	return rc;
}

static int put_tree(struct stack *st, int target, int source, int left, bool compare) {
	struct place top = {.name = ".", .source_dir = source, .fd = target, .below = st->below, .dressed = source >= 0};
	int rc = compare ? put_changes(st, &top, left, source) : put_layer(st, &top, source, left);
	if (source < 0) top.changed = false; /* an empty tree says nothing of its root */
	return close_place(st, &top) < 0 ? -1 : rc;
}

static int read_tree(struct tree_request *r, struct tree_root *root) {
	*root = (struct tree_root){.fd = -1, .upper = -1};
	return tree_number(r) == 1 ? tree_open_root(r, root) : 0;
}

static int stack_one(struct stack *st, int target, struct tree_request *r) {
	int64_t letter = tree_number(r);
	st->keep_marks = letter == 'k';
	if (letter == 'l' || letter == 'k') {
		struct tree_root lower = {.fd = -1, .upper = -1};
		const char *path = tree_text(r, NULL);
		int fd = r->broken ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) return untar_fail("io", "open %s: %s", path, strerror(errno));
		int rc = letter == 'l' ? read_tree(r, &lower) : 0;
		if (rc == 0) rc = put_tree(st, target, fd, lower.fd, false);
		close(fd);
		if (lower.fd >= 0) tree_close_root(&lower);
		return rc;
	}
	struct tree_root left, right = {.fd = -1, .upper = -1};
	int rc = read_tree(r, &left);
	if (rc == 0) rc = read_tree(r, &right);
	if (rc == 0) rc = put_tree(st, target, right.fd, left.fd, true);
	tree_close_root(&left);
	if (right.fd >= 0) tree_close_root(&right);
	return rc;
}

int tree_run_stack(struct tree_request *r, FILE *out) {
	struct stack st = {.copy = {.mode = -1, .look = {-1, -1, -1}}};
	const char *path = tree_text(r, NULL);
	struct tree_root below;
	int rc = read_tree(r, &below);
	int64_t count = tree_number(r);
	int target = r->broken || rc < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target < 0) return rc < 0 ? -1 : untar_fail("io", "open %s: %s", path, strerror(errno));
	st.below = below.fd;
	for (int64_t i = 0; rc == 0 && i < count; i++) {
		rc = stack_one(&st, target, r);
		link_table_free(&st.copy.links); /* names of one file are names in one layer */
		if (rc == 0 && r->broken) rc = untar_fail("io", "broken request");
	}
	close(target);
	if (below.fd >= 0) tree_close_root(&below);
	link_table_free(&st.copy.links);
	fputc(0, out);
	return rc;
}
