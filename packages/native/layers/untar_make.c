#define _GNU_SOURCE
#include "layers/untar_make.h"
#include "layers/untar_attributes.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

char *untar_place(const struct untar_state *st, const char *raw) {
	char *clean = untar_clean(raw), *full = NULL;
	if (!clean || !st->opt.into || !*clean) return clean;
	if (asprintf(&full, "%s/%s", st->opt.into, clean) < 0) full = NULL;
	free(clean);
	clean = full ? untar_clean(full) : NULL;
	free(full);
	return clean;
}

void untar_forget_below(struct untar_state *st, int parent) {
	if (st->tree.cached_fd != parent) untar_tree_forget(&st->tree);
}

/* In docker's words: the name in the archive, and where it was to go. */
static int refuse_kind(const struct untar_state *st, const char *path, const char *what, const char *with) {
	char *into = untar_clean(st->opt.into ? st->opt.into : "");
	size_t length = into ? strlen(into) : 0;
	if (length > 0 && strncmp(path, into, length) == 0 && path[length] == '/') path += length + 1;
	int rc = untar_fail("unsafe", "%s \"%s\" %s \"/%s\"", what, path, with, into ? into : "");
	free(into);
	return rc;
}

int untar_clear_way(struct untar_state *st, int parent, const char *name, const char *path) {
	struct stat s;
	if (fstatat(parent, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : untar_fail_at("stat", path);
	if (S_ISDIR(s.st_mode) && st->opt.keep_kinds) return refuse_kind(st, path, "cannot overwrite directory", "with non-directory");
	if (S_ISDIR(s.st_mode)) {
		untar_forget_below(st, parent);
		return untar_remove_tree(parent, name) < 0 ? untar_fail_at("remove", path) : 0;
	}
	if (unlinkat(parent, name, 0) < 0) return untar_fail_at("remove", path);
	return st->opt.overlay && S_ISCHR(s.st_mode) && s.st_rdev == 0;
}

int untar_make_dir(struct untar_state *st, struct archive_entry *e, int parent, const char *name, const char *path) {
	int opaque = 0;
	bool there = false;
	if (mkdirat(parent, name, 0700) < 0) {
		struct stat s;
		there = true;
		if (errno != EEXIST) return untar_fail_at("create", path);
		if (fstatat(parent, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("stat", path);
		if (!S_ISDIR(s.st_mode)) {
			if (st->opt.keep_kinds) return refuse_kind(st, path, "cannot overwrite non-directory", "with directory");
			opaque = untar_clear_way(st, parent, name, path);
			if (opaque < 0) return -1;
			if (mkdirat(parent, name, 0700) < 0) return untar_fail_at("create", path);
		}
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return untar_fail_at("open", path);
	if (there) untar_clear_xattrs(st, fd);
	int rc = untar_dress_dir(st, e, fd, path);
	if (untar_set_has(&st->tree.implicit, path)) untar_set_add(&st->tree.listed, path);
	if (rc == 0 && opaque && fsetxattr(fd, UNTAR_OPAQUE, "y", 1, 0) < 0) rc = untar_fail_at("mark opaque", path);
	close(fd);
	return rc;
}

int untar_make_special(struct untar_state *st, struct archive_entry *e, int parent, const char *name, const char *path) {
	mode_t mode = archive_entry_mode(e), type = archive_entry_filetype(e);
	uid_t uid;
	gid_t gid;
	dev_t device = 0;
	struct timespec times[2];
	if (untar_owner_of(st, e, &uid, &gid) < 0) return -1;
	if (type == AE_IFCHR || type == AE_IFBLK) {
		uint64_t major = (uint64_t)archive_entry_rdevmajor(e), minor = (uint64_t)archive_entry_rdevminor(e);
		if (major > 0xfff || minor > 0xfffff)
			return untar_fail(
			    "archive", "device number %llu:%llu of %s is out of range", (unsigned long long)major, (unsigned long long)minor, path);
		device = makedev((unsigned)major, (unsigned)minor);
	}
	if (untar_clear_way(st, parent, name, path) < 0) return -1;
	if (type == AE_IFLNK) {
		const char *target = archive_entry_symlink(e);
		if (!target || !*target) return untar_fail("archive", "symbolic link %s has no target", path);
		if (symlinkat(target, parent, name) < 0) return untar_fail_at("create", path);
	} else if (mknodat(parent, name, (mode & 07777) | (type == AE_IFCHR ? S_IFCHR : type == AE_IFBLK ? S_IFBLK : S_IFIFO), device) < 0) {
		return untar_fail_at("create", path);
	}
	if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("chown", path);
	if (type != AE_IFLNK && fchmodat(parent, name, mode & 07777, 0) < 0) return untar_fail_at("chmod", path);
	if (untar_set_xattrs(st, e, -1, parent, name) < 0) return -1;
	untar_entry_times(e, times);
	if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("set times of", path);
	return 0;
}

int untar_make_hardlink(struct untar_state *st, int lent, const char *name, const char *path, const char *raw_target) {
	char *target = untar_place(st, raw_target);
	if (!target || !*target) {
		free(target);
		return untar_fail("unsafe", "hard link %s leads outside: %s", path, raw_target);
	}
	/* The entry's own directory is only lent: the target's may take its place. */
	int rc = -1, parent = fcntl(lent, F_DUPFD_CLOEXEC, 4);
	struct untar_parent found = parent < 0 ? (struct untar_parent){.fd = -1} : untar_open_parent(&st->tree, target, false);
	int dir = found.fd < 0 ? -1 : fcntl(found.fd, F_DUPFD_CLOEXEC, 4);
	const char *base = found.name;
	if (dir < 0) {
		untar_fail(errno == ENOENT ? "archive" : "io", "hard link %s: its target %s: %s", path, target, strerror(errno));
	} else {
		struct stat a, b;
		bool same = fstatat(dir, base, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
		            a.st_dev == b.st_dev && a.st_ino == b.st_ino;
		if (same) rc = 0; /* the same name twice, or already one inode */
		else if (untar_clear_way(st, parent, name, path) >= 0) {
			rc = linkat(dir, base, parent, name, 0);
			if (rc < 0) untar_fail(errno == ENOENT ? "archive" : "io", "hard link %s: its target %s: %s", path, target, strerror(errno));
		}
	}
	if (dir >= 0) close(dir);
	if (parent >= 0) close(parent);
	free(target);
	return rc;
}
