/* One file of a copy: its bytes, and how it looks. */
#define _GNU_SOURCE
#include "layers/copy_file.h"
#include "layers/untar_report.h"
#include "tree/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SMALL (64 << 10)

static void apply_class(const struct mode_change *m, mode_t value, mode_t *mode) {
	const struct {
		int flag, shift;
	} classes[] = {{16, 6}, {4, 3}, {8, 0}};
	mode_t cleared = m->where & 2 ? 07 : value;
	for (int i = 0; i < 3; i++) {
		if (!(m->where & classes[i].flag)) continue;
		if (m->where & 1) *mode &= ~((cleared << classes[i].shift) & m->bits);
		if (m->where & 2) *mode |= (value << classes[i].shift) & m->bits;
	}
}

mode_t copy_mode(const struct copy *c, mode_t mode) {
	mode_t old = mode & 07777, now = old;
	if (c->change_count == 0) return c->mode >= 0 ? (mode_t)c->mode & 07777 : old;
	for (size_t i = 0; i < c->change_count; i++) {
		const struct mode_change *m = &c->changes[i];
		switch (m->command) {
		case '+': now |= m->bits; break;
		case '-': now &= ~m->bits; break;
		case 'X':
			if ((old & 0111) || S_ISDIR(mode)) now |= m->bits;
			break;
		case 'u': apply_class(m, now >> 6 & 07, &now); break;
		case 'g': apply_class(m, now >> 3 & 07, &now); break;
		default: apply_class(m, now & 07, &now);
		}
	}
	return now & 07777;
}

/* Overlayfs' own attributes are never copied; what the target cannot have is left out. */
static void copy_xattrs(int from_dir, const char *from_name, int to_dir, const char *to_name) {
	static char names[65536], value[65536];
	char from[64 + NAME_MAX], to[64 + NAME_MAX];
	snprintf(from, sizeof from, "/proc/self/fd/%d/%s", from_dir, from_name);
	ssize_t total = llistxattr(from, names, sizeof names);
	if (total <= 0) return;
	snprintf(to, sizeof to, "/proc/self/fd/%d/%s", to_dir, to_name);
	for (const char *key = names; key < names + total; key += strlen(key) + 1) {
		if (strncmp(key, "trusted.overlay.", 16) == 0 || strncmp(key, "user.overlay.", 13) == 0) continue;
		ssize_t size = lgetxattr(from, key, value, sizeof value);
		if (size >= 0) lsetxattr(to, key, value, (size_t)size, 0);
	}
}

static int set_times(const struct copy *c, int dir, const char *name, const struct stat *s, const char *path) {
	struct timespec times[2] = {s->st_atim, s->st_mtim};
	if (c->look.time != -1) return tree_set_time(dir, name, c->look.time, path);
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? tree_fail_at("utimes", path) : 0;
}

/* Owner before xattrs, because chown drops capabilities; times last. */
int copy_look(
    const struct copy *c, int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, const char *path) {
	bool given = c->look.uid >= 0;
	if (fchownat(to_dir, to_name, given ? (uid_t)c->look.uid : s->st_uid, given ? (gid_t)c->look.gid : s->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail_at("lchown", path);
	copy_xattrs(from_dir, from_name, to_dir, to_name);
	if (!S_ISLNK(s->st_mode) && fchmodat(to_dir, to_name, copy_mode(c, s->st_mode), 0) < 0) return tree_fail_at("chmod", path);
	return set_times(c, to_dir, to_name, s, path);
}

static int small_bytes(int from, int to, size_t size, const char *path) {
	static char buffer[SMALL];
	size_t have = 0;
	while (have < size) {
		ssize_t n = pread(from, buffer + have, size - have, (off_t)have);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return tree_fail_at("read", path);
		if (n == 0) break;
		have += (size_t)n;
	}
	for (size_t done = 0; done < have;) {
		ssize_t n = pwrite(to, buffer + done, have - done, (off_t)done);
		if (n < 0 && errno != EINTR) return tree_fail_at("write", path);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int copy_regular(struct copy *c, int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, bool easy,
    const char *path) {
	bool given = c->look.uid >= 0, small = s->st_size <= SMALL && s->st_blocks * 512 >= s->st_size;
	uid_t uid = given ? (uid_t)c->look.uid : s->st_uid;
	gid_t gid = given ? (gid_t)c->look.gid : s->st_gid;
	mode_t mode = copy_mode(c, s->st_mode);
	easy = easy && uid == 0 && gid == 0 && (mode & 07000) == 0;
	int from = openat(from_dir, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0) return tree_fail_at("open", path);
	int to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, easy ? mode : 0600);
	int rc = to < 0 ? tree_fail_at("open", path) : 0;
	if (rc == 0 && s->st_size > 0)
		rc = small ? small_bytes(from, to, (size_t)s->st_size, path) : copy_file_bytes(from, to, s->st_size, &c->no_clone, path);
	if (rc == 0 && !easy && fchown(to, uid, gid) < 0) rc = tree_fail_at("chown", path);
	if (rc == 0 && flistxattr(from, NULL, 0) > 0) copy_xattrs(from_dir, from_name, to_dir, to_name);
	if (rc == 0 && !easy && fchmod(to, mode) < 0) rc = tree_fail_at("chmod", path);
	if (to >= 0 && close(to) < 0 && rc == 0) rc = tree_fail_at("close", path);
	close(from);
	return rc < 0 ? -1 : set_times(c, to_dir, to_name, s, path);
}

int copy_special(int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, const char *path) {
	char target[PATH_MAX];
	if (S_ISLNK(s->st_mode)) {
		ssize_t n = readlinkat(from_dir, from_name, target, sizeof target - 1);
		if (n < 0) return tree_fail_at("readlink", path);
		target[n] = 0;
		return symlinkat(target, to_dir, to_name) < 0 ? tree_fail_at("symlink", path) : 0;
	}
	mode_t mode = S_ISSOCK(s->st_mode) ? S_IFREG | (s->st_mode & 07777) : s->st_mode; /* of a socket a stub is left */
	return mknodat(to_dir, to_name, mode, S_ISREG(mode) ? 0 : s->st_rdev) < 0 ? tree_fail_at("mknod", path) : 0;
}
