#define _GNU_SOURCE
#include "layers/untar_make.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* In plain mode an opaque marker empties the directory of what came from elsewhere. */
static int empty_dir(struct untar_state *st, int parent, const char *dir_path) {
	untar_forget_below(st, parent);
	return untar_remove_children(parent, dir_path, &st->laid) < 0 ? untar_fail_at("empty", dir_path) : 0;
}

int untar_make_whiteout(struct untar_state *st, int parent, const char *name, const char *path) {
	if (strcmp(name, ".wh..wh..opq") == 0) {
		char *dir = strndup(path, strlen(path) - strlen(name));
		int rc = 0;
		if (!dir) return untar_fail("io", "out of memory");
		size_t length = strlen(dir);
		if (length > 0) dir[length - 1] = 0;
		if (!st->opt.overlay) rc = empty_dir(st, parent, dir);
		else if (fsetxattr(parent, UNTAR_OPAQUE, "y", 1, 0) < 0) rc = untar_fail_at("mark opaque", dir);
		free(dir);
		return rc;
	}
	if (strncmp(name, ".wh..wh.", 8) == 0) return 0; /* book-keeping of aufs */
	const char *hidden = name + 4;
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0) return untar_fail("unsafe", "whiteout %s names no entry", path);
	struct stat s;
	if (!st->opt.overlay) {
		char *full = NULL;
		if (asprintf(&full, "%.*s%s", (int)(strlen(path) - strlen(name)), path, hidden) < 0) return untar_fail("io", "out of memory");
		int rc = 0;
		if (!untar_set_has(&st->laid, full)) {
			untar_forget_below(st, parent);
			if (untar_remove_tree(parent, hidden) < 0 && errno != ENOENT) rc = untar_fail_at("remove", full);
		}
		free(full);
		return rc;
	}
	if (mknodat(parent, hidden, S_IFCHR, 0) == 0) return 0;
	if (errno != EEXIST || fstatat(parent, hidden, &s, AT_SYMLINK_NOFOLLOW) < 0) return untar_fail_at("create whiteout", path);
	if (!S_ISDIR(s.st_mode)) return 0; /* this layer brings the name itself: it hides what lies below anyway */
	int fd = openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsetxattr(fd, UNTAR_OPAQUE, "y", 1, 0);
	if (rc < 0) untar_fail_at("mark opaque", path);
	if (fd >= 0) close(fd);
	return rc;
}
