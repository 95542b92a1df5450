#include "tree/shared_files.h"
#include "layers/tree_walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_dir(struct link_table *found, int dir) {
	struct tree_names names;
	if (tree_list(dir, &names) < 0) return -1;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		struct stat s;
		if (fstatat(dir, names.names[i], &s, AT_SYMLINK_NOFOLLOW) < 0) rc = -1;
		else if (S_ISDIR(s.st_mode)) {
			int fd = openat(dir, names.names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			rc = fd < 0 ? -1 : read_dir(found, fd);
			if (fd >= 0) close(fd);
		} else if (S_ISREG(s.st_mode) && s.st_nlink > 1 && !link_table_find(found, &s)) rc = link_table_add(found, &s, "");
	}
	tree_names_free(&names);
	return rc;
}

static int read_below(struct link_table *found, const char *layers) {
	if (!layers) return 0;
	if (strchr(layers, '\\')) return -1;
	char *list = tree_dup(layers), *save = NULL;
	int rc = 0;
	for (char *at = strtok_r(list, ":", &save); at && rc == 0; at = strtok_r(NULL, ":", &save)) {
		int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = fd < 0 ? -1 : read_dir(found, fd);
		if (fd >= 0) close(fd);
	}
	free(list);
	return rc;
}

/* What is in the target itself: an earlier plan may have linked it. */
static int read_own(struct link_table *found, const struct tree_root *target) {
	int fd = openat(target->upper >= 0 ? target->upper : target->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : read_dir(found, fd);
	if (fd >= 0) close(fd);
	return rc;
}

bool shared_files_take(struct shared_files *files, const struct tree_root *target, const struct stat *s, int action) {
	char number[16];
	snprintf(number, sizeof number, "%d", action);
	const char *taken = link_table_find(&files->taken, s);
	if (taken) return strcmp(taken, number) == 0;
	if (s->st_nlink > 1) {
		if (!files->read) files->unknown = read_below(&files->below, target->below) < 0 || read_own(&files->below, target) < 0;
		files->read = true;
		if (files->unknown || link_table_find(&files->below, s)) return false;
	}
	return link_table_add(&files->taken, s, number) == 0;
}

void shared_files_free(struct shared_files *files) {
	link_table_free(&files->below);
	link_table_free(&files->taken);
}
