/* A tree is opened from the mounts of its snapshot, and mounted nowhere: a descriptor holds it. */
#define _GNU_SOURCE
#include "base/calls.h"
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct overlay {
	const char *upper, *work, *lower;
	const char **rest;
};

static const char *value_of(const char *option, const char *key) {
	size_t n = strlen(key);
	return strncmp(option, key, n) == 0 && option[n] == '=' ? option + n + 1 : NULL;
}

static void sort_options(const char **options, struct overlay *o) {
	size_t count = 0;
	for (size_t i = 0; options[i]; i++) {
		const char *value;
		if ((value = value_of(options[i], "upperdir"))) o->upper = value;
		else if ((value = value_of(options[i], "workdir"))) o->work = value;
		else if ((value = value_of(options[i], "lowerdir"))) o->lower = value;
		else options[count++] = options[i];
	}
	options[count] = NULL;
	o->rest = options;
}

/* Layers one by one: the kernel takes no longer text than 255 bytes for all. A colon parts them, a backslash takes its meaning away. */
static int add_layers(int fs, const char *list) {
	char path[PATH_MAX];
	size_t n = 0;
	for (;; list++) {
		if (*list == '\\' && list[1]) list++;
		else if (*list == ':' || !*list) {
			path[n] = 0;
			if (n > 0 && sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", path, 0) < 0) return -1;
			n = 0;
			if (!*list) return 0;
			continue;
		}
		if (n + 1 == sizeof path) return errno = ENAMETOOLONG, -1;
		path[n++] = *list;
	}
}

static int configure(int fs, const struct overlay *o) {
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 || add_layers(fs, o->lower) < 0) return -1;
	if (o->upper && (sys_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", o->upper, 0) < 0 ||
	                    sys_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", o->work ? o->work : "", 0) < 0 ||
	                    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0))
		return -1;
	for (size_t i = 0; o->rest[i]; i++) {
		char *word = tree_dup(o->rest[i]), *equals = strchr(word, '=');
		if (equals) *equals = 0;
		bool flag = !equals && (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0);
		int rc = flag ? 0 : sys_fsconfig(fs, equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, word, equals ? equals + 1 : NULL, 0);
		free(word);
		if (rc < 0) return -1;
	}
	return sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int open_detached(const struct overlay *o) {
	int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC), tree = -1;
	if (fs >= 0 && configure(fs, o) == 0) tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, o->upper ? 0 : MOUNT_ATTR_RDONLY);
	int saved = errno;
	if (fs >= 0) close(fs);
	errno = saved;
	return tree;
}

/* Before Linux 6.5 the layers go into one text, as long as a page: below their common directory it holds as many as there may be. */
static int open_mounted(const struct overlay *o) {
	char *data = NULL, *lower = tree_dup(o->lower), *root = tree_dup(o->upper ? o->upper : o->lower);
	size_t common = 0, size = 0;
	int rc = -1, tree = -1;
	char *colon = strchr(root, ':');
	if (colon) *colon = 0;
	/* every layer lies below the directory that holds the snapshots: its part that all share */
	common = strlen(root);
	for (const char *at = o->lower; at && *at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		size_t n = 0;
		while (n < common && at[n] && at[n] == root[n]) n++;
		common = n;
	}
	while (common > 0 && root[common - 1] != '/') common--;
	root[common] = 0;
	FILE *text = open_memstream(&data, &size);
	if (!text || common == 0) goto out;
	fputs("lowerdir=", text);
	for (char *save = NULL, *at = strtok_r(lower, ":", &save); at; at = strtok_r(NULL, ":", &save))
		fprintf(text, "%s%s", ftell(text) > 9 ? ":" : "", at + common);
	if (o->upper) fprintf(text, ",upperdir=%s,workdir=%s,volatile", o->upper, o->work ? o->work : "");
	for (size_t i = 0; o->rest[i]; i++)
		if (strcmp(o->rest[i], "ro") != 0 && strcmp(o->rest[i], "rw") != 0) fprintf(text, ",%s", o->rest[i]);
	fclose(text);
	text = NULL;
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && chdir(root) == 0) {
		rc = mount("overlay", "/proc/self/cwd", "overlay", o->upper ? 0 : MS_RDONLY, data);
		if (rc == 0) tree = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int saved = errno;
		if (rc == 0) umount2(root, MNT_DETACH);
		errno = saved;
	}
out:
	if (text) fclose(text);
	free(data);
	free(lower);
	free(root);
	return tree;
}

/* All or none. */
static void open_layers(struct tree_root *root, const char *lower) {
	char *list = tree_dup(lower), *save = NULL;
	if (!strchr(list, '\\'))
		for (char *at = strtok_r(list, ":", &save); at; at = strtok_r(NULL, ":", &save)) {
			int fd = root->layer_count < TREE_LAYERS ? open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
			if (fd >= 0) {
				root->layers[root->layer_count++] = fd;
				continue;
			}
			while (root->layer_count > 0) close(root->layers[--root->layer_count]);
			break;
		}
	free(list);
}

static int open_overlay(const char **options, struct tree_root *root) {
	struct overlay o = {0};
	sort_options(options, &o);
	if (!o.lower) return untar_fail("io", "an overlay without layers");
	if (!o.upper && !strchr(o.lower, ':'))
		root->fd = open(o.lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* overlayfs takes no single layer */
	else root->fd = open_detached(&o);
	if (root->fd < 0 && (errno == EINVAL || errno == ENOSYS)) root->fd = open_mounted(&o);
	if (root->fd < 0) return untar_fail("io", "mount an overlay: %s", strerror(errno));
	if (!o.upper) open_layers(root, o.lower);
	else {
		root->upper = open(o.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		root->below = tree_dup(o.lower);
	}
	if (o.upper && o.work) root->volatile_mark = tree_join(o.work, "work/incompat/volatile");
	return 0;
}

int tree_open_root(struct tree_request *r, struct tree_root *root) {
	*root = (struct tree_root){.fd = -1, .upper = -1};
	if (tree_number(r) != 1) return untar_fail("io", "a tree of several mounts is not supported");
	const char *type = tree_text(r, NULL), *source = tree_text(r, NULL), **options = tree_texts(r);
	if (!options) return untar_fail("io", "broken request");
	int rc = 0;
	if (strcmp(type, "overlay") == 0) rc = open_overlay(options, root);
	else if (strcmp(type, "bind") != 0) rc = untar_fail("io", "a tree of a mount of type %s is not supported", type);
	else if ((root->fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) rc = untar_fail_at("open", source);
	else if ((root->layers[0] = dup(root->fd)) >= 0) root->layer_count = 1;
	free(options);
	return rc;
}

bool tree_shows(const struct tree_root *root, int dir) {
	if (!root->below) return false;
	struct stat own, one;
	if (strchr(root->below, '\\') || fstat(dir, &own) < 0) return true;
	char *list = tree_dup(root->below), *save = NULL;
	bool shown = false;
	for (char *at = strtok_r(list, ":", &save); at && !shown; at = strtok_r(NULL, ":", &save))
		shown = stat(at, &one) < 0 || (one.st_dev == own.st_dev && one.st_ino == own.st_ino);
	free(list);
	return shown;
}

void tree_close_root(struct tree_root *root) {
	if (root->fd >= 0) close(root->fd);
	if (root->upper >= 0) close(root->upper);
	while (root->layer_count > 0) close(root->layers[--root->layer_count]);
	free(root->below);
	root->below = NULL;
	root->fd = root->upper = -1;
	if (!root->volatile_mark) return;
	/* The mark would refuse every later mount. The files are in the page cache, as those of every layer that was just unpacked. */
	char *dirty = tree_join(root->volatile_mark, "dirty"), *slash = strrchr(root->volatile_mark, '/');
	unlink(dirty);
	rmdir(root->volatile_mark);
	*slash = 0;
	rmdir(root->volatile_mark);
	free(dirty);
	free(root->volatile_mark);
	root->volatile_mark = NULL;
}
