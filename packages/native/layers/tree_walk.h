/* What modes that walk two trees share. Names are never resolved: every step is one component below an open directory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Sorted names of a directory, without . and .. */
struct tree_names {
	char **names;
	size_t count;
};

/* -1 and errno on failure. */
int tree_list(int dir, struct tree_names *out);
void tree_names_free(struct tree_names *list);

/* Attributes and, with content, the bytes of name in two directories: 1 the same, 0 not, -1 and errno on failure. Sizes and times of
 * directories are no difference: laying a tree out makes them. */
int tree_same(int left, int right, const char *name, bool content);

/* As many descriptors as allowed: one a level of the tree. */
void tree_raise_files(void);
