/* tmpcopyup: fills a fresh tmpfs with what the directory below it holds. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "init/child.h"

static int copy_xattrs(int from, int to) {
	char names[4096], value[4096];
	ssize_t n = flistxattr(from, names, sizeof(names)), size;

	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		size = fgetxattr(from, name, value, sizeof(value));
		if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) && errno != EOPNOTSUPP && errno != EPERM) return -1;
	}
	return 0;
}

static int finish(int from, int to, const struct stat *st) {
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchown(to, st->st_uid, st->st_gid) || fchmod(to, st->st_mode & 07777) || copy_xattrs(from, to)) return -1;
	return futimens(to, times);
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st) {
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), to, result = -1;
	ssize_t n;

	if (from < 0) return -1;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to >= 0) {
		while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
			;
		result = n < 0 ? -1 : finish(from, to, st);
		close(to);
	}
	close(from);
	return result;
}

static int copy_directory(int from_dir, int to_dir, const char *name) {
	int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), to, result;

	if (from < 0) return -1;
	if (mkdirat(to_dir, name, 0700)) {
		close(from);
		return -1;
	}
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	result = to < 0 ? -1 : copy_up(from, to);
	if (to >= 0) close(to);
	close(from);
	return result;
}

static int copy_entry(int from, int to, const char *name) {
	char link[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW)) return -1;
	if (S_ISDIR(st.st_mode)) return copy_directory(from, to, name);
	if (S_ISREG(st.st_mode)) return copy_file(from, to, name, &st);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(from, name, link, sizeof(link) - 1);
		if (n < 0) return -1;
		link[n] = 0;
		if (symlinkat(link, to, name)) return -1;
	} else {
		if (mknodat(to, name, st.st_mode, st.st_rdev)) return -1;
		if (fchmodat(to, name, st.st_mode & 07777, 0)) return -1;
	}
	return fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
}

int copy_up(int from, int to) {
	struct stat st;
	struct dirent *entry;
	DIR *dir;
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (again < 0 || fstat(from, &st)) return -1;
	dir = fdopendir(again);
	if (!dir) return -1;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
		if (copy_entry(from, to, entry->d_name)) {
			closedir(dir);
			return -1;
		}
	}
	closedir(dir);
	return finish(from, to, &st);
}
