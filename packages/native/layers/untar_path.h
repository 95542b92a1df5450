/* Names below a root: cleaned, resolved inside it by the kernel, never twice. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A set of strings (open addressing). */
struct untar_set {
	char **slots;
	size_t cap, count;
};
bool untar_set_has(const struct untar_set *set, const char *text);
int untar_set_add(struct untar_set *set, const char *text);

struct untar_tree {
	int root;
	char *cached_path; /* directory of the last entry */
	int cached_fd;
	bool cached_setgid; /* new entries there get its group */
	struct untar_set implicit; /* directories made because an entry needed them */
	struct untar_set listed; /* those of them that the archive lists later after all */
};
void untar_tree_init(struct untar_tree *tree, int root);

/* Drops the cached directory: to be called before a directory may be removed. */
void untar_tree_forget(struct untar_tree *tree);

/* Closes all, of a tree in which nothing was made on the way. */
void untar_tree_release(struct untar_tree *tree);

/* Removes leading slashes, `.` and double slashes. NULL when a `..` leads above the root. "" is the root. Caller frees. */
char *untar_clean(const char *raw);

/* open(2) with RESOLVE_IN_ROOT; path is relative to root. -1 and errno on failure. */
int untar_open_in_root(int root, const char *path, int flags);

struct untar_parent {
	int fd; /* lent: good until the next call on the tree; -1 and errno on failure */
	bool setgid; /* new entries get its group */
	const char *name; /* last component, inside path */
};

/* Directory of a clean path. With make, missing directories are made. */
struct untar_parent untar_open_parent(struct untar_tree *tree, const char *path, bool make);

/* Removes name below dir, with everything under it; never follows a symbolic link. */
int untar_remove_tree(int dir, const char *name);

/* Removes everything in dir whose path (prefix/name) is not in keep. */
int untar_remove_children(int dir, const char *prefix, const struct untar_set *keep);

/* Gives the directories named on stdin (NUL-separated) the attributes that they have in the first of the parents that has them. */
int untar_adopt(struct untar_tree *tree, const char **parents, int count);
