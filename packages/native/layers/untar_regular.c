#define _GNU_SOURCE
#include "layers/untar_make.h"
#include "layers/untar_attributes.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const unsigned char *p, size_t size, off_t offset) {
	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, offset);
		if (n < 0) {
			if (errno == EINTR) continue;
			return -1;
		}
		p += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}

static int copy_data(struct untar_state *st, struct archive *a, struct archive_entry *e, int fd) {
	int64_t size = archive_entry_size(e), end = 0;
	const void *block;
	size_t length;
	int64_t offset;
	if (size < 0) return untar_fail("archive", "size of %s is negative", archive_entry_pathname(e));
	for (;;) {
		int rc = archive_read_data_block(a, &block, &length, &offset);
		if (rc == ARCHIVE_EOF) break;
		if (rc == ARCHIVE_WARN) st->warnings++;
		else if (rc != ARCHIVE_OK) return untar_fail("archive", "%s: %s", archive_entry_pathname(e), archive_error_string(a));
		if (offset < end || offset > INT64_MAX - (int64_t)length || (size > 0 && offset + (int64_t)length > size))
			return untar_fail("archive", "%s: its sparse map does not fit its size", archive_entry_pathname(e));
		st->bytes += (int64_t)length;
		if (st->bytes > st->opt.max_bytes)
			return untar_fail("budget", "the archive unpacks to more than %lld bytes", (long long)st->opt.max_bytes);
		if (write_all(fd, block, length, offset) < 0) return untar_fail_at("write", archive_entry_pathname(e));
		end = offset + (int64_t)length;
	}
	if (end < size && ftruncate(fd, size) < 0) return untar_fail_at("extend", archive_entry_pathname(e));
	return 0;
}

int untar_make_regular(
    struct untar_state *st, struct archive *a, struct archive_entry *e, const struct untar_parent *where, const char *path) {
	int parent = where->fd;
	const char *name = where->name;
	mode_t mode = archive_entry_mode(e) & 07777;
	uid_t uid;
	gid_t gid;
	struct timespec times[2];
	if (untar_owner_of(st, e, &uid, &gid) < 0) return -1;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	/* A new file is root's own with the mode asked for (the umask is 0), so that most need neither chown nor
     * chmod, a journal entry each. Only in a fresh layer: elsewhere a default ACL may have its say. */
	bool plain = st->opt.overlay && uid == 0 && gid == 0 && !where->setgid && (mode & 07000) == 0;
	mode_t first = plain ? mode : 0600;
	int fd = openat(parent, name, flags, first);
	if (fd < 0 && errno == EEXIST) {
		if (untar_clear_way(st, parent, name, path) < 0) return -1;
		fd = openat(parent, name, flags, first);
	}
	if (fd < 0) return untar_fail_at("create", path);
	int rc = copy_data(st, a, e, fd);
	untar_entry_times(e, times);
	if (rc == 0 && !plain && fchown(fd, uid, gid) < 0) rc = untar_fail_at("chown", path);
	if (rc == 0) rc = untar_set_xattrs(st, e, fd, parent, name); /* after chown, which drops security.capability */
	if (rc == 0 && !plain && fchmod(fd, mode) < 0) rc = untar_fail_at("chmod", path);
	if (rc == 0 && futimens(fd, times) < 0) rc = untar_fail_at("set times of", path);
	if (close(fd) < 0 && rc == 0) rc = untar_fail_at("close", path);
	return rc;
}
