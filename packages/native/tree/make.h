/* Makes single things in a tree. Paths are as tree_resolve gives them. */
#pragma once
#include "tree/tree.h"

#include <time.h>

/* Who owns what is made and when it was: -1 leaves the owner, a time of -1 is now. */
struct tree_look {
	int64_t uid, gid;
	int64_t time; /* nanoseconds since 1970 */
};
struct tree_look tree_look_of(struct tree_request *r);

/* Owner and time of name in dir, where the look says one. */
int tree_dress(int dir, const char *name, const struct tree_look *look, const char *path);
int tree_set_time(int dir, const char *name, int64_t time, const char *path);

/* Directories that were made, from the top to the bottom, so that their times can be set when all is in them. */
struct tree_made {
	char **paths;
	size_t count;
};
/* Makes the directory and those above that are missing. */
int tree_make_dirs(int root, const char *path, mode_t mode, const struct tree_look *look, struct tree_made *made);
/* Sets the times of what was made, and forgets it. */
int tree_settle_made(int root, struct tree_made *made, const struct tree_look *look);

/* The operations of a plan (plan.c): they read their fields themselves. */
int tree_do_mkdir(int root, struct tree_request *r);
int tree_do_mkfile(int root, struct tree_request *r);
int tree_do_symlink(int root, struct tree_request *r);
int tree_do_remove(int root, struct tree_request *r);
