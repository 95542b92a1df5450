#define _GNU_SOURCE
#include "layers/lowers.h"
#include "layers/untar_report.h"
#include "layers/untar_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool is_whiteout(const struct stat *s) { return S_ISCHR(s->st_mode) && s->st_rdev == 0; }

bool lowers_opaque(int fd) {
	char value = 0;
	for (int i = 0; i < 2; i++)
		if (fgetxattr(fd, i == 0 ? UNTAR_OPAQUE : "user.overlay.opaque", &value, 1) == 1 && value == 'y') return true;
	return false;
}

int lowers_add(struct lowers *l, int dir) {
	int *grown = realloc(l->dirs, (l->count + 1) * sizeof *grown);
	if (!grown) return untar_fail("io", "out of memory");
	l->dirs = grown;
	l->dirs[l->count++] = dir;
	return 0;
}

void lowers_close(struct lowers *l) {
	for (size_t i = 0; i < l->count; i++) close(l->dirs[i]);
	free(l->dirs);
	*l = (struct lowers){0};
}

int lowers_find(const struct lowers *l, const char *name, struct stat *s) {
	for (size_t i = 0; i < l->count; i++)
		if (fstatat(l->dirs[i], name, s, AT_SYMLINK_NOFOLLOW) == 0) return is_whiteout(s) ? -1 : l->dirs[i];
	return -1;
}

int lowers_below(const struct lowers *l, const char *name, struct lowers *out) {
	for (size_t i = 0; i < l->count; i++) {
		int fd = openat(l->dirs[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT) continue;
		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) return 0; /* it hides what lies below it */
		if (fd < 0) return untar_fail("io", "open %s: %s", name, strerror(errno));
		if (lowers_add(out, fd) < 0) return -1;
		if (lowers_opaque(fd)) return 0;
	}
	return 0;
}

static bool has(const struct tree_names *list, const char *name) {
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->names[i], name) == 0) return true;
	return false;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int lowers_list(const struct lowers *l, struct tree_names *out) {
	*out = (struct tree_names){0};
	for (size_t i = 0; i < l->count; i++) {
		struct tree_names own;
		if (tree_list(l->dirs[i], &own) < 0) return -1;
		char **grown = realloc(out->names, (out->count + own.count + 1) * sizeof *grown);
		if (!grown) return -1;
		out->names = grown;
		size_t above = out->count;
		for (size_t k = 0; k < own.count; k++) {
			struct stat s;
			struct tree_names known = {out->names, above};
			bool shown = !has(&known, own.names[k]) && lowers_find(l, own.names[k], &s) == l->dirs[i];
			if (shown) out->names[out->count++] = own.names[k];
			else free(own.names[k]);
		}
		free(own.names);
	}
	if (out->count > 1) qsort(out->names, out->count, sizeof *out->names, by_name);
	return 0;
}
