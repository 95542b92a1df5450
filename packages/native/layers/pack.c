/*
 * Mode `pack`: writes what lies below a directory as a pax tar to stdout.
 *
 *   gantry-native pack --root DIR [--path PATH] [--name NAME] [--overlay] [--layer] [--lower DIR]...
 *   gantry-native pack --root DIR --base DIR [--layer]
 *   gantry-native pack ... --blob gzip=LEVEL|plain
 *
 * With --uid-map and --gid-map INSIDE:OUTSIDE:COUNT[,...] an id OUTSIDE becomes INSIDE. PATH is resolved inside DIR (symbolic links too) and
 * its contents are packed under names relative to it; when it is not a directory, that one entry is packed under its own name. With --name, PATH itself (its last component is not followed when it is a symbolic link) is
 * packed as NAME, and what lies below it as NAME/... With --overlay, overlayfs' whiteouts and opaque directories become the `.wh.` names of
 * image layers. With --lower, once for each directory that it lies on, topmost first, what is there already is left out, and of a directory that was made anew only
 * what it had is taken away. Overlayfs' own xattrs are never written. The second form packs what differs from the tree BASE, with `.wh.` names for what only BASE
 * has, as an image layer. With --layer the root is named only where there is something to say of it. With --blob the tar, compressed or
 * not, goes to descriptor 3, and one JSON line to stdout: {"digest","size","diffId"}. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "base/id_ranges.h"
#include "layers/lowers.h"
#include "layers/pack.h"
#include "layers/pack_tar.h"
#include "layers/squeeze.h"
#include "layers/tree_walk.h"
#include "layers/untar_path.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_SIZE (1U << 20)

int mode_pack(int argc, char **argv);

/* First name of each inode with several links. */
struct link_entry {
	uint64_t dev, ino;
	char *path;
};

/* A directory that is the same in the base: written only once something below it is. */
struct pending {
	struct pending *up;
	int dir;
	const char *prefix, *name;
	bool written;
};

struct packer {
	struct tar_out out;
	bool overlay;
	int base; /* directory of the other tree that is at the same place as the one being packed; -1: there is none */
	struct pending *pending;
	struct lowers lower; /* what shows through the directory that is being packed */
	bool known; /* what it lies on was told: nothing is hidden that is not named */
	bool shallow; /* directories without what they hold */
	struct link_entry *links;
	size_t link_count, link_cap;
	unsigned char *buffer;
};

static int fail_at(const char *what, const char *path) { return untar_fail("io", "%s %s: %s", what, path, strerror(errno)); }

static const char *first_link(struct packer *p, const struct stat *s, const char *path) {
	if (p->link_count * 2 >= p->link_cap) {
		struct packer grown = {.link_cap = p->link_cap ? p->link_cap * 2 : 256};
		grown.links = calloc(grown.link_cap, sizeof *grown.links);
		if (!grown.links) return NULL;
		for (size_t i = 0; i < p->link_cap; i++) {
			if (!p->links[i].path) continue;
			size_t at = (p->links[i].ino * 2654435761U) & (grown.link_cap - 1);
			while (grown.links[at].path) at = (at + 1) & (grown.link_cap - 1);
			grown.links[at] = p->links[i];
		}
		free(p->links);
		p->links = grown.links;
		p->link_cap = grown.link_cap;
	}
	size_t at = (s->st_ino * 2654435761U) & (p->link_cap - 1);
	for (; p->links[at].path; at = (at + 1) & (p->link_cap - 1))
		if (p->links[at].ino == s->st_ino && p->links[at].dev == s->st_dev) return p->links[at].path;
	p->links[at] = (struct link_entry){s->st_dev, s->st_ino, strdup(path)};
	p->link_count++;
	return NULL;
}

/* Makes records of the xattrs, of the descriptor where there is one. Returns 1 when overlayfs calls the directory opaque. */
static int add_xattrs(struct packer *p, int fd, const char *proc) {
	char names[65536], value[65536], key[300];
	int opaque = 0;
	ssize_t total = fd >= 0 ? flistxattr(fd, names, sizeof names) : llistxattr(proc, names, sizeof names);
	for (char *name = names; total > 0 && name < names + total; name += strlen(name) + 1) {
		ssize_t size = fd >= 0 ? fgetxattr(fd, name, value, sizeof value) : lgetxattr(proc, name, value, sizeof value);
		if (size < 0) continue;
		if (strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0) {
			opaque |= strcmp(name + strcspn(name + 8, ".") + 9, "opaque") == 0 && size == 1 && value[0] == 'y';
			continue;
		}
		if (strncmp(name, "system.posix_acl_", 17) == 0) continue; /* no form in a pax record that others would restore */
		snprintf(key, sizeof key, "SCHILY.xattr.%.255s", name); /* the kernel allows 255 */
		if (tar_record(&p->out, key, value, (size_t)size) < 0) return untar_fail("io", "out of memory");
	}
	return opaque;
}

static int put_marker(struct packer *p, const char *dir, const char *name, const struct stat *s) {
	char *path = NULL;
	if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0) return untar_fail("io", "out of memory");
	struct stat marker = {.st_mode = 0600, .st_mtim = {.tv_sec = s->st_mtim.tv_sec}};
	int rc = tar_header(&p->out, path, &marker, '0', NULL, 0) < 0 ? fail_at("pack", path) : 0;
	free(path);
	return rc;
}

/* A file that shrinks meanwhile is filled with zeros, one that grows is cut: the header has its size. */
static int put_data(struct packer *p, int fd, int64_t size, const char *path) {
	while (size > 0) {
		size_t want = size < COPY_SIZE ? (size_t)size : COPY_SIZE;
		ssize_t n = read(fd, p->buffer, want);
		if (n < 0) {
			if (errno == EINTR) continue;
			return fail_at("read", path);
		}
		if (n == 0) {
			memset(p->buffer, 0, want);
			n = (ssize_t)want;
		}
		if (tar_data(&p->out, p->buffer, (size_t)n) < 0) return fail_at("pack", path);
		size -= n;
	}
	return 0;
}

static int pack_dir(struct packer *p, int dir, const char *prefix);
static int pack_as(struct packer *p, int dir, const char *prefix, const char *name, const char *as);

static int pack_entry(struct packer *p, int dir, const char *prefix, const char *name) { return pack_as(p, dir, prefix, name, NULL); }

/* A slash between the two, unless the first is empty or ends with one. */
static int join_path(char **out, const char *prefix, const char *name) {
	size_t length = strlen(prefix);
	return asprintf(out, "%s%s%s", prefix, length > 0 && prefix[length - 1] != '/' ? "/" : "", name);
}

static int pack_as(struct packer *p, int dir, const char *prefix, const char *name, const char *as) {
	struct stat s;
	if (fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : fail_at("stat", name);
	if (p->overlay && S_ISCHR(s.st_mode) && s.st_rdev == 0) {
		char whiteout[NAME_MAX + 8];
		snprintf(whiteout, sizeof whiteout, ".wh.%s", name);
		return put_marker(p, prefix, whiteout, &s);
	}
	if (S_ISSOCK(s.st_mode)) return 0; /* tar has no sockets */
	bool self = strcmp(name, ".") == 0 && !as;
	char *path = NULL;
	if (join_path(&path, prefix, as ? as : self ? "./" : name) < 0) return untar_fail("io", "out of memory");
	char proc[64 + NAME_MAX], target[PATH_MAX + 1];
	const char *link = NULL;
	int rc = 0, fd = -1, opaque = 0;
	char type = S_ISDIR(s.st_mode)    ? '5'
	            : S_ISLNK(s.st_mode)  ? '2'
	            : S_ISCHR(s.st_mode)  ? '3'
	            : S_ISBLK(s.st_mode)  ? '4'
	            : S_ISFIFO(s.st_mode) ? '6'
	                                  : '0';
	snprintf(proc, sizeof proc, "/proc/self/fd/%d/%s", dir, name);
	const char *linked = type != '5' && s.st_nlink > 1 ? first_link(p, &s, path) : NULL;
	if (linked) {
		type = '1';
		link = linked;
	} else {
		if (type == '0' && (fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)) < 0) rc = fail_at("open", path);
		opaque = rc == 0 ? add_xattrs(p, fd, proc) : 0;
		if (opaque < 0) rc = -1;
		if (type == '2') {
			ssize_t n = readlinkat(dir, name, target, PATH_MAX);
			if (n < 0) rc = fail_at("read link", path);
			else {
				target[n] = 0;
				link = target;
			}
		}
	}
	if (rc == 0) {
		char *shown = NULL; /* directories end with a slash, as every tar has it */
		bool slash = type == '5' && !self && path[strlen(path) - 1] != '/';
		if (asprintf(&shown, "%s%s", path, slash ? "/" : "") < 0) rc = untar_fail("io", "out of memory");
		else if (tar_header(&p->out, shown, &s, type, link, type == '0' ? (uint64_t)s.st_size : 0) < 0) rc = fail_at("pack", path);
		free(shown);
	}
	if (rc == 0 && fd >= 0) rc = put_data(p, fd, s.st_size, path);
	if (rc == 0 && fd >= 0 && tar_pad(&p->out, (uint64_t)s.st_size) < 0) rc = fail_at("pack", path);
	if (fd >= 0) close(fd);
	if (rc == 0 && S_ISDIR(s.st_mode) && p->overlay && opaque && !self && !p->known) rc = put_marker(p, path, ".wh..wh..opq", &s);
	if (rc == 0 && S_ISDIR(s.st_mode) && !self && !p->shallow) {
		int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = sub < 0 ? fail_at("open", path) : pack_dir(p, sub, path);
		if (sub >= 0) close(sub);
	}
	free(path);
	return rc;
}

static int put_pending(struct packer *p, struct pending *at) {
	if (!at || at->written) return 0;
	if (put_pending(p, at->up) < 0) return -1;
	at->written = true;
	p->shallow = true;
	int rc = pack_entry(p, at->dir, at->prefix, at->name);
	p->shallow = false;
	return rc;
}

static int put_whiteout(struct packer *p, const char *prefix, const char *name) {
	char whiteout[NAME_MAX + 8];
	struct stat none = {.st_mode = 0};
	if (put_pending(p, p->pending) < 0) return -1;
	snprintf(whiteout, sizeof whiteout, ".wh.%s", name);
	return put_marker(p, prefix, whiteout, &none);
}

/* An entry that the base has not, or something else in its place. */
static int put_new(struct packer *p, int dir, const char *prefix, const char *name) {
	int base = p->base;
	if (put_pending(p, p->pending) < 0) return -1;
	p->base = -1;
	int rc = pack_entry(p, dir, prefix, name);
	p->base = base;
	return rc;
}

/* A directory that both trees have; changed: its own attributes are not the same. */
static int pack_both(struct packer *p, int dir, const char *prefix, const char *name, bool changed) {
	struct pending own = {p->pending, dir, prefix, name, false};
	if (changed && put_pending(p, &own) < 0) return -1;
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, base = p->base;
	int one = openat(dir, name, flags);
	char *path = NULL;
	p->base = openat(base, name, flags);
	p->pending = &own;
	int rc = -1;
	if (one < 0 || p->base < 0) fail_at("open", name);
	else if (join_path(&path, prefix, name) < 0) untar_fail("io", "out of memory");
	else rc = pack_dir(p, one, path);
	free(path);
	if (one >= 0) close(one);
	if (p->base >= 0) close(p->base);
	p->base = base;
	p->pending = own.up;
	return rc;
}

/* An entry that the base has too: nothing of it when it is the same. */
static int pack_against(struct packer *p, int dir, const char *prefix, const char *name) {
	struct stat here, there;
	if (fstatat(dir, name, &here, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(p->base, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_at("stat", name);
	int same = tree_same(p->base, dir, name, false);
	if (same < 0) return fail_at("compare", name);
	if (S_ISDIR(here.st_mode) && S_ISDIR(there.st_mode)) return pack_both(p, dir, prefix, name, !same);
	if (same) return 0;
	/* A directory in place of something else hides what was there by itself, and the other way round. */
	return put_new(p, dir, prefix, name);
}

/* What a directory that was made anew has not any more. */
static int put_gone(struct packer *p, int dir, const char *path) {
	struct tree_names old;
	struct stat s;
	if (lowers_list(&p->lower, &old) < 0) return fail_at("read", path);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < old.count; i++)
		if (fstatat(dir, old.names[i], &s, AT_SYMLINK_NOFOLLOW) < 0) rc = put_whiteout(p, path, old.names[i]);
	tree_names_free(&old);
	return rc;
}

/* A directory of overlayfs' changes: only what is in it may make it a change. */
static int pack_upper(struct packer *p, int dir, const char *prefix, const char *name, bool same) {
	struct pending own = {p->pending, dir, prefix, name, false};
	struct lowers outer = p->lower, below = {0};
	char *path = NULL;
	if (!same && put_pending(p, &own) < 0) return -1;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? fail_at("open", name) : lowers_below(&outer, name, &below);
	if (rc == 0 && join_path(&path, prefix, name) < 0) rc = untar_fail("io", "out of memory");
	p->pending = &own;
	p->lower = below;
	if (rc == 0 && below.count > 0 && lowers_opaque(fd)) rc = put_gone(p, fd, path);
	if (rc == 0) rc = pack_dir(p, fd, path);
	p->lower = outer;
	p->pending = own.up;
	lowers_close(&below);
	free(path);
	if (fd >= 0) close(fd);
	return rc;
}

/* An entry of overlayfs' changes: nothing of it when what it lies on shows the same. A file of several names is never left out: another name may be new. */
static int pack_over(struct packer *p, int dir, const char *prefix, const char *name) {
	struct stat here, there;
	if (fstatat(dir, name, &here, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : fail_at("stat", name);
	int from = lowers_find(&p->lower, name, &there);
	bool alike = from >= 0 && (here.st_mode & S_IFMT) == (there.st_mode & S_IFMT) && (S_ISDIR(here.st_mode) || here.st_nlink == 1);
	int same = alike ? tree_same(from, dir, name, true) : 0;
	if (same < 0) return fail_at("compare", name);
	if (S_ISDIR(here.st_mode)) return pack_upper(p, dir, prefix, name, same);
	if (same) return 0;
	return put_pending(p, p->pending) < 0 ? -1 : pack_entry(p, dir, prefix, name);
}

/* Sorted, so that the same tree gives the same archive. */
static int pack_dir(struct packer *p, int dir, const char *prefix) {
	struct tree_names here, there = {0};
	if (tree_list(dir, &here) < 0 || (p->base >= 0 && tree_list(p->base, &there) < 0)) return fail_at("read", prefix);
	int rc = 0;
	for (size_t i = 0, k = 0; rc == 0 && (i < here.count || k < there.count);) {
		int order = i == here.count ? 1 : k == there.count ? -1 : strcmp(here.names[i], there.names[k]);
		if (order > 0) rc = put_whiteout(p, prefix, there.names[k]);
		else if (order == 0) rc = pack_against(p, dir, prefix, here.names[i]);
		else rc = p->known ? pack_over(p, dir, prefix, here.names[i]) : put_new(p, dir, prefix, here.names[i]);
		i += order <= 0;
		k += order >= 0;
	}
	tree_names_free(&here);
	tree_names_free(&there);
	return rc;
}

/*
 * Layers of containerd's name their root only where something is to be said of it: it is not as a new root is, or, where it is known, not as the root
 * below. Its time is not.
 */
static bool root_is_plain(int dir, int base) {
	struct stat own, below = {.st_mode = S_IFDIR | 0755};
	char proc[64], names[65536];
	if (fstat(dir, &own) < 0 || (base >= 0 && fstat(base, &below) < 0)) return false;
	if (own.st_mode != below.st_mode || own.st_uid != below.st_uid || own.st_gid != below.st_gid) return false;
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", dir);
	ssize_t total = listxattr(proc, names, sizeof names);
	for (char *name = names; total > 0 && name < names + total; name += strlen(name) + 1)
		if (strncmp(name, "trusted.overlay.", 16) != 0 && strncmp(name, "user.overlay.", 13) != 0) return false;
	return true;
}

static int pack_root(struct packer *p, int dir, bool layer) {
	int rc = layer && root_is_plain(dir, p->base) ? 0 : pack_entry(p, dir, "", ".");
	return rc == 0 ? pack_dir(p, dir, "") : rc;
}

int pack_changes(int dir, const struct lowers *lower, int fd, uint64_t most) {
	struct packer p = {.base = -1,
	    .overlay = true,
	    .lower = *lower,
	    .known = true,
	    .out = {.fd = fd, .most = most, .buffer = malloc(COPY_SIZE)},
	    .buffer = malloc(COPY_SIZE)};
	if (!p.out.buffer || !p.buffer) return untar_fail("io", "out of memory");
	int rc = pack_root(&p, dir, true);
	if (rc == 0 && tar_finish(&p.out) < 0) rc = fail_at("pack", ".");
	return p.out.exceeded ? 1 : rc;
}

#define BLOB 3

static bool read_form(const char *text, int *level) {
	if (strcmp(text, "plain") == 0) *level = SQUEEZE_PLAIN;
	else if (strncmp(text, "gzip=", 5) == 0 && text[5] >= '0' && text[5] <= '9' && !text[6]) *level = text[5] - '0';
	else return false;
	return true;
}

/* What is still under way, and the line about all of it. */
static int finish(struct packer *p, const char *path) {
	struct squeeze_outcome outcome;
	if (tar_finish(&p->out) < 0) return fail_at("pack", path);
	if (!p->out.squeeze) return 0;
	if (squeeze_end(p->out.squeeze, &outcome) < 0) return fail_at("pack", path);
	squeeze_report(&outcome);
	return 0;
}

int mode_pack(int argc, char **argv) {
	int level = SQUEEZE_PLAIN;
	bool blob = false;
	struct packer p = {.base = -1, .out = {.fd = STDOUT_FILENO, .buffer = malloc(COPY_SIZE)}, .buffer = malloc(COPY_SIZE)};
	const char *root = NULL, *path = "", *as = NULL, *other = NULL;
	bool layer = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--overlay") == 0) p.overlay = true;
		else if (strcmp(argv[i], "--layer") == 0) layer = true;
		else if (strcmp(argv[i], "--blob") == 0 && i + 1 < argc && read_form(argv[i + 1], &level)) blob = i++ > 0;
		else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc) root = argv[++i];
		else if (strcmp(argv[i], "--path") == 0 && i + 1 < argc) path = argv[++i];
		else if ((strcmp(argv[i], "--uid-map") == 0 || strcmp(argv[i], "--gid-map") == 0) && i + 1 < argc) {
			struct id_ranges *ranges = argv[i][2] == 'u' ? &uid_ranges : &gid_ranges;
			if (!id_ranges_read(ranges, argv[++i])) return untar_fail("io", "an id map wants INSIDE:OUTSIDE:COUNT, not %s", argv[i]) < 0;
		} else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc) as = argv[++i];
		else if (strcmp(argv[i], "--base") == 0 && i + 1 < argc) other = argv[++i];
		else if (strcmp(argv[i], "--lower") == 0 && i + 1 < argc) {
			int fd = open(argv[++i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (fd < 0) return fail_at("open", argv[i]) < 0;
			if (lowers_add(&p.lower, fd) < 0) return 1;
			p.known = true;
		} else return untar_fail("io", "unknown flag or missing value: %s", argv[i]) < 0;
	}
	if (!root || !p.out.buffer || !p.buffer) return untar_fail("io", root ? "out of memory" : "--root is missing") < 0;
	if (blob && !(p.out.squeeze = squeeze_new(BLOB, level, 0))) return untar_fail("io", "out of memory") < 0;
	tree_raise_files();
	int base = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0) return fail_at("open", root) < 0;
	if (other && (p.base = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) return fail_at("open", other) < 0;
	char *clean = untar_clean(path);
	if (!clean) return untar_fail("unsafe", "path %s leads outside the root", path) < 0;
	if (as && *as) {
		struct untar_tree tree;
		untar_tree_init(&tree, base);
		struct untar_parent where = *clean ? untar_open_parent(&tree, clean, false) : (struct untar_parent){.fd = base, .name = "."};
		int done = where.fd < 0 ? untar_fail(errno == ENOENT ? "absent" : "io", "open %s: %s", path, strerror(errno))
		                        : pack_as(&p, where.fd, "", where.name, as);
		if (done == 0) done = finish(&p, path);
		return done < 0;
	}
	int rc, dir = *clean ? untar_open_in_root(base, clean, O_RDONLY | O_DIRECTORY) : base;
	if (dir >= 0) {
		rc = pack_root(&p, dir, layer);
	} else if (errno == ENOTDIR) {
		struct untar_tree tree;
		untar_tree_init(&tree, base);
		struct untar_parent where = untar_open_parent(&tree, clean, false);
		rc = where.fd < 0 ? fail_at("open", path) : pack_entry(&p, where.fd, "", where.name);
	} else {
		rc = untar_fail(errno == ENOENT ? "absent" : "io", "open %s: %s", path, strerror(errno));
	}
	if (rc == 0) rc = finish(&p, path);
	return rc < 0;
}
