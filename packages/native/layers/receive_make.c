#define _GNU_SOURCE
#include "layers/receive.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct timespec time_of(const struct receive_head *h) {
	return (struct timespec){.tv_sec = h->mtime, .tv_nsec = (long)h->mtime_nanos};
}

int receive_write(int fd, const unsigned char *data, uint64_t size, const char *path) {
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return untar_fail_at("write", path);
		data += n;
		size -= (uint64_t)n;
	}
	return 0;
}

/* fd may be -1: then they go to name below parent, without following it. */
static int set_xattrs(const struct receive_record *r, int fd, int parent, const char *name) {
	const unsigned char *at = r->xattrs, *end = at + r->head.xattrs_length;
	while (at < end) {
		uint16_t name_length;
		uint32_t value_length;
		char key[XATTR_NAME_MAX + 1], link[64 + NAME_MAX];
		if (end - at < 6) return untar_fail("archive", "xattrs of %s are cut", r->path);
		memcpy(&name_length, at, 2);
		memcpy(&value_length, at + 2, 4);
		at += 6;
		if (name_length > XATTR_NAME_MAX || (uint64_t)(end - at) < (uint64_t)name_length + value_length)
			return untar_fail("archive", "xattrs of %s are cut", r->path);
		memcpy(key, at, name_length);
		key[name_length] = 0;
		/* Overlayfs' own are not the client's to set: they would redirect lookups between layers. */
		if (strncmp(key, "trusted.overlay.", 16) != 0 && strncmp(key, "user.overlay.", 13) != 0) {
			const unsigned char *value = at + name_length;
			snprintf(link, sizeof link, "/proc/self/fd/%d/%s", parent, name);
			int rc = fd >= 0 ? fsetxattr(fd, key, value, value_length, 0) : lsetxattr(link, key, value, value_length, 0);
			if (rc < 0 && errno != ENOTSUP && errno != EPERM) return untar_fail_at("set xattr of", r->path);
		}
		at += name_length + value_length;
	}
	return 0;
}

/* What the file has already since it was made is not set again: each is a change of the inode that the file system keeps a journal of. */
static int dress(const struct receive_record *r, int fd) {
	const struct receive_head *h = &r->head;
	struct stat s;
	if (fstat(fd, &s) < 0) return untar_fail_at("stat", r->path);
	bool owned = s.st_uid == h->uid && s.st_gid == h->gid, bare = h->xattrs_length == 0;
	if (!owned && fchown(fd, h->uid, h->gid) < 0) return untar_fail_at("chown", r->path);
	if (set_xattrs(r, fd, -1, "") < 0) return -1; /* after chown, which drops security.capability */
	if (owned && bare && (s.st_mode & 07777) == (h->mode & 07777)) return 0;
	return fchmod(fd, h->mode & 07777) < 0 ? untar_fail_at("chmod", r->path) : 0;
}

int receive_finish_file(struct receive_state *st, int fd, const struct receive_record *r) {
	(void)st;
	struct timespec times[2] = {time_of(&r->head), time_of(&r->head)};
	int rc = dress(r, fd);
	if (rc == 0 && futimens(fd, times) < 0) rc = untar_fail_at("set times of", r->path);
	if (close(fd) < 0 && rc == 0) rc = untar_fail_at("close", r->path);
	return rc;
}

int receive_remember_times(struct receive_state *st, const char *path, const struct receive_head *head) {
	if (st->dir_count == st->dir_cap) {
		st->dir_cap = st->dir_cap ? st->dir_cap * 2 : 256;
		struct receive_dir *grown = realloc(st->dirs, st->dir_cap * sizeof *grown);
		if (!grown) return untar_fail("io", "out of memory");
		st->dirs = grown;
	}
	struct receive_dir *d = &st->dirs[st->dir_count];
	*d = (struct receive_dir){strdup(path), {time_of(head), time_of(head)}};
	if (!d->path) return untar_fail("io", "out of memory");
	st->dir_count++;
	return 0;
}

int receive_settle_dirs(struct receive_state *st) {
	for (size_t i = 0; i < st->dir_count; i++) {
		int fd = untar_open_in_root(st->tree.root, st->dirs[i].path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd < 0) continue; /* removed by a later record */
		int rc = futimens(fd, st->dirs[i].times);
		close(fd);
		if (rc < 0) return untar_fail_at("set times of", st->dirs[i].path);
	}
	return 0;
}

void receive_release(struct receive_state *st) {
	for (size_t i = 0; i < st->dir_count; i++) free(st->dirs[i].path);
	free(st->dirs);
	untar_tree_release(&st->tree);
}

/* parent is the caller's own: the tree's cached directory may go with what is removed. */
static int clear_way(struct receive_state *st, int parent, const char *name, const char *path) {
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
	if (errno != EISDIR && errno != EPERM) return untar_fail_at("remove", path);
	untar_tree_forget(&st->tree);
	return untar_remove_tree(parent, name) < 0 && errno != ENOENT ? untar_fail_at("remove", path) : 0;
}

static int make_dir(struct receive_state *st, const struct receive_record *r, int parent, const char *name) {
	struct stat s;
	if (mkdirat(parent, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(parent, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("create", r->path);
		if (!S_ISDIR(s.st_mode) && (clear_way(st, parent, name, r->path) < 0 || mkdirat(parent, name, 0700) < 0))
			return untar_fail_at("create", r->path);
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return untar_fail_at("open", r->path);
	int rc = dress(r, fd);
	close(fd);
	return rc < 0 ? -1 : receive_remember_times(st, r->path, &r->head);
}

static int make_file(struct receive_state *st, const struct receive_record *r, int parent, const char *name) {
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	/* A program that becomes somebody must not be there before it is his. */
	mode_t mode = r->head.mode & 07000 ? 0600 : r->head.mode & 0777;
	int fd = openat(parent, name, flags, mode);
	if (fd < 0 && errno == EEXIST) {
		if (clear_way(st, parent, name, r->path) < 0) return -1;
		fd = openat(parent, name, flags, mode);
	}
	if (fd < 0) return untar_fail_at("create", r->path);
	if (r->head.kind == RECEIVE_OPEN) {
		st->slots[r->head.slot] = (struct receive_slot){fd, r->head, strdup(r->path)};
		return st->slots[r->head.slot].path ? 0 : untar_fail("io", "out of memory");
	}
	if (receive_write(fd, r->data, r->head.data_length, r->path) < 0) {
		close(fd);
		return -1;
	}
	return receive_finish_file(st, fd, r);
}

static int make_hardlink(struct receive_state *st, const struct receive_record *r, int parent, const char *name) {
	struct stat s;
	char *target = untar_clean(r->link);
	int rc = -1;
	if (!target || !*target) rc = untar_fail("unsafe", "hard link %s leads outside: %s", r->path, r->link);
	else {
		struct untar_parent found = untar_open_parent(&st->tree, target, false);
		int dir = found.fd < 0 ? -1 : dup(found.fd);
		if (dir < 0 || fstatat(dir, found.name, &s, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(s.st_mode))
			rc = untar_fail("archive", "hard link %s: its target %s is no file", r->path, target);
		else if (clear_way(st, parent, name, r->path) == 0)
			rc = linkat(dir, found.name, parent, name, 0) < 0 ? untar_fail_at("link", r->path) : 0;
		if (dir >= 0) close(dir);
	}
	free(target);
	return rc;
}

static int make_special(struct receive_state *st, const struct receive_record *r, int parent, const char *name) {
	const struct receive_head *h = &r->head;
	struct timespec times[2] = {time_of(h), time_of(h)};
	mode_t type = h->mode & S_IFMT;
	if (clear_way(st, parent, name, r->path) < 0) return -1;
	if (h->kind == RECEIVE_SYMLINK) {
		if (symlinkat(r->link, parent, name) < 0) return untar_fail_at("create", r->path);
	} else {
		if (type != S_IFCHR && type != S_IFBLK && type != S_IFIFO)
			return untar_fail("archive", "%s is of no kind that can be made", r->path);
		if (h->major > 0xfff || h->minor > 0xfffff) return untar_fail("archive", "device number of %s is out of range", r->path);
		if (mknodat(parent, name, h->mode & (S_IFMT | 07777), makedev(h->major, h->minor)) < 0) return untar_fail_at("create", r->path);
	}
	if (fchownat(parent, name, h->uid, h->gid, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("chown", r->path);
	if (set_xattrs(r, -1, parent, name) < 0) return -1;
	if (h->kind == RECEIVE_NODE && fchmodat(parent, name, h->mode & 07777, 0) < 0) return untar_fail_at("chmod", r->path);
	return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? untar_fail_at("set times of", r->path) : 0;
}

int receive_make(struct receive_state *st, const struct receive_record *r) {
	struct untar_parent found;
	if (r->head.kind == RECEIVE_TIMES) return receive_remember_times(st, r->path, &r->head);
	found = untar_open_parent(&st->tree, r->path, false);
	if (found.fd < 0 && (errno == ENOENT || errno == ENOTDIR) && r->head.kind == RECEIVE_REMOVE) return 0;
	int parent = found.fd < 0 ? -1 : dup(found.fd); /* what is removed on the way may be the cached one */
	if (parent < 0) return untar_fail_at("open the directory of", r->path);
	int rc;
	switch (r->head.kind) {
	case RECEIVE_DIR: rc = make_dir(st, r, parent, found.name); break;
	case RECEIVE_FILE:
	case RECEIVE_OPEN: rc = make_file(st, r, parent, found.name); break;
	case RECEIVE_SYMLINK:
	case RECEIVE_NODE: rc = make_special(st, r, parent, found.name); break;
	case RECEIVE_HARDLINK: rc = make_hardlink(st, r, parent, found.name); break;
	case RECEIVE_REMOVE: rc = clear_way(st, parent, found.name, r->path); break;
	default: rc = untar_fail("archive", "record of kind %u", r->head.kind);
	}
	close(parent);
	return rc;
}
