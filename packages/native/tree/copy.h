/* Copies files of one tree into another, as the copy action of a build says. */
#pragma once
#include "layers/link_table.h"
#include "tree/make.h"
#include "tree/patterns.h"
#include "tree/shared_files.h"

#include <stdbool.h>

/* One change of a symbolic mode, e.g. u+x: see chmod(1). */
struct mode_change {
	char command; /* + - X, or u g o: bits of this class are the source */
	int where; /* for u g o: 1 clears, 2 sets, 4 group, 8 others, 16 user */
	mode_t bits;
};

struct copy {
	int from, to; /* roots */
	dev_t device; /* of the source's files, as its root shows them */
	int upper; /* the target's changes; -1: the target is a plain directory */
	const struct tree_root *source; /* whose files can be linked to where they lie on the target's file system; NULL: none can */
	bool shared[TREE_LAYERS]; /* layers of the source that the target shows, too */
	const struct tree_root *target;
	struct shared_files *files; /* of the target, for the whole plan */
	int action; /* number of the action in the plan */
	struct tree_look look;
	int64_t mode; /* -1: as the source has it */
	struct mode_change *changes; /* instead of mode */
	size_t change_count;
	bool contents, replace;
	struct pattern_list include, exclude;
	struct link_table links;
	bool no_clone;
};

/* The mode of the copy of a file of this mode. */
mode_t copy_mode(const struct copy *c, mode_t mode);

/*
 * Copies what lies at source to destination; both paths are as tree_resolve gives them. Missing directories above are made. base: the last component of the
 * source as it was asked for, which a copy into a directory is called by.
 */
int copy_to(struct copy *c, const char *source, const char *base, const char *destination);

/* Owner, mode, times and xattrs of one copy. s: the source's. fd: of the source, or -1. */
int copy_look(
    const struct copy *c, int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, const char *path);
/* A regular file into a new name. easy: a file made there has root as its owner and exactly the mode asked for. */
int copy_regular(struct copy *c, int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, bool easy,
    const char *path);

/* A link, device, FIFO or socket. It still has to get its look. */
int copy_special(int from_dir, const char *from_name, int to_dir, const char *to_name, const struct stat *s, const char *path);
