#define _GNU_SOURCE
#include "layers/untar_attributes.h"
#include "base/id_ranges.h"
#include "layers/untar_report.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void untar_entry_times(struct archive_entry *e, struct timespec out[2]) {
	out[1].tv_sec = archive_entry_mtime(e);
	out[1].tv_nsec = archive_entry_mtime_nsec(e);
	if (archive_entry_atime_is_set(e)) {
		out[0].tv_sec = archive_entry_atime(e);
		out[0].tv_nsec = archive_entry_atime_nsec(e);
	} else {
		out[0] = out[1];
	}
}

static int remember_dir(struct untar_state *st, const char *path, struct archive_entry *e) {
	if (st->dir_count == st->dir_cap) {
		st->dir_cap = st->dir_cap ? st->dir_cap * 2 : 256;
		struct untar_dir_time *grown = realloc(st->dirs, st->dir_cap * sizeof *grown);
		if (!grown) return untar_fail("io", "out of memory");
		st->dirs = grown;
	}
	struct untar_dir_time *d = &st->dirs[st->dir_count];
	d->path = strdup(path);
	if (!d->path) return untar_fail("io", "out of memory");
	untar_entry_times(e, d->times);
	st->dir_count++;
	return 0;
}

/* Overlayfs' own attributes are ours to set: an archive that brings them could redirect lookups between layers. */
static bool reserved_xattr(const char *name) {
	return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

int untar_set_xattrs(struct untar_state *st, struct archive_entry *e, int fd, int parent, const char *name) {
	const char *key;
	const void *value;
	size_t size;
	if (archive_entry_xattr_reset(e) == 0) return 0;
	while (archive_entry_xattr_next(e, &key, &value, &size) == ARCHIVE_OK) {
		int rc;
		if (reserved_xattr(key)) {
			st->warnings++;
			continue;
		}
		if (fd >= 0) {
			rc = fsetxattr(fd, key, value, size, 0);
		} else {
			char link[64 + NAME_MAX];
			snprintf(link, sizeof link, "/proc/self/fd/%d/%s", parent, name);
			rc = lsetxattr(link, key, value, size, 0);
		}
		if (rc < 0) {
			if (errno == ENOTSUP || errno == EPERM) { /* a file system without them, as dockerd does: not worth a failed pull */
				st->warnings++;
				continue;
			}
			return untar_fail("io", "set xattr %s of %s: %s", key, archive_entry_pathname(e), strerror(errno));
		}
	}
	return 0;
}

int untar_owner_of(const struct untar_state *st, struct archive_entry *e, uid_t *uid, gid_t *gid) {
	int64_t u = st->opt.uid >= 0 ? st->opt.uid : archive_entry_uid(e), g = st->opt.gid >= 0 ? st->opt.gid : archive_entry_gid(e);
	if (u < 0 || u >= UINT32_MAX || g < 0 || g >= UINT32_MAX)
		return untar_fail("archive", "owner %lld:%lld of %s is out of range", (long long)u, (long long)g, archive_entry_pathname(e));
	if (!id_outside(&uid_ranges, (uint32_t)u, uid) || !id_outside(&gid_ranges, (uint32_t)g, gid))
		return untar_fail(
		    "archive", "owner %lld:%lld of %s is no id of the container", (long long)u, (long long)g, archive_entry_pathname(e));
	return 0;
}

void untar_clear_xattrs(const struct untar_state *st, int fd) {
	char names[65536];
	ssize_t total = st->opt.copy ? 0 : flistxattr(fd, names, sizeof names);
	for (const char *name = names; total > 0 && name < names + total; name += strlen(name) + 1)
		if (!reserved_xattr(name) && fremovexattr(fd, name) < 0 && errno != ENODATA)
			return; /* not ours to change: as where they cannot be set */
}

int untar_dress_dir(struct untar_state *st, struct archive_entry *e, int fd, const char *path) {
	uid_t uid;
	gid_t gid;
	if (untar_owner_of(st, e, &uid, &gid) < 0) return -1;
	if (fchown(fd, uid, gid) < 0) return untar_fail_at("chown", path);
	if (untar_set_xattrs(st, e, fd, -1, "") < 0) return -1;
	if (fchmod(fd, archive_entry_mode(e) & 07777) < 0) return untar_fail_at("chmod", path);
	return remember_dir(st, path, e);
}

int untar_settle_dirs(struct untar_state *st) {
	for (size_t i = 0; i < st->dir_count; i++) {
		const char *path = st->dirs[i].path;
		int fd = *path ? untar_open_in_root(st->tree.root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : dup(st->tree.root);
		if (fd < 0) continue; /* replaced by a later entry */
		int rc = futimens(fd, st->dirs[i].times);
		close(fd);
		if (rc < 0) return untar_fail_at("set times of", path);
	}
	return 0;
}
