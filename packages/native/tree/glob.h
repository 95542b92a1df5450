/* Patterns of file names, in time that grows with pattern times name and never faster. */
#pragma once
#include "tree/tree.h"

#include <stdbool.h>

/* Go's path.Match: *, ?, [a-z], [^a-z] and backslash, none of which match a slash. A pattern that is none matches nothing. */
bool glob_match(const char *pattern, const char *name);

/* Whether a path has a character that makes a pattern of it. */
bool glob_is_pattern(const char *path);

/* What a pattern of several components matches, in the order of names: links before the first pattern are followed, none after it. */
struct glob_found {
	char **paths; /* as tree_resolve gives them */
	size_t count;
};
int glob_find(int root, const char *pattern, bool follow, struct glob_found *found);
void glob_free(struct glob_found *found);
