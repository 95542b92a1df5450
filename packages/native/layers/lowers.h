/* What a directory of overlayfs' changes lies on: the directories that show through it, topmost first, found without mounting anything. */
#pragma once
#include "layers/tree_walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct lowers {
	int *dirs;
	size_t count;
};

/* -1: reported. */
int lowers_add(struct lowers *l, int dir);
void lowers_close(struct lowers *l);

/* The directory that shows name, and how it is; -1: none does. */
int lowers_find(const struct lowers *l, const char *name, struct stat *s);

/* What a directory of that name lies on, into an empty list; nothing where something else is there. -1: reported. */
int lowers_below(const struct lowers *l, const char *name, struct lowers *out);

/* Whether nothing shows through a directory of a layer. */
bool lowers_opaque(int fd);

/* Sorted names of all that shows. -1 and errno on failure. */
int lowers_list(const struct lowers *l, struct tree_names *out);
