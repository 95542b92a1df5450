/* Lists of patterns with exclusions, as in a .dockerignore: whether a path, or a directory it lies in, is meant. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct pattern_list {
	struct pattern *items;
	size_t count;
};

/* -1: reported; a pattern is none, or memory is out. texts is a vector with a NULL at the end. */
int patterns_read(const char **texts, struct pattern_list *list);
void patterns_free(struct pattern_list *list);

/*
 * Whether the path is meant. parent says, a byte a pattern, which matched the directory that the path lies in (NULL: nothing is known of it, all directories above
 * are looked at); own, as long, is filled for what lies below.
 */
bool patterns_match(const struct pattern_list *list, const char *path, const unsigned char *parent, unsigned char *own);
