/*
 * Which files of the source may be linked into the target instead of being copied. Two paths that a container sees must be one file only where they were one file in
 * the source: so no file is linked that the target shows from below already, nor one that another action of the plan linked.
 */
#pragma once
#include "layers/link_table.h"
#include "tree/tree.h"

#include <stdbool.h>

struct shared_files {
	struct link_table below; /* files of several names in the target and in the layers below it */
	struct link_table taken; /* files that were linked, each with the number of its action */
	bool read, unknown; /* whether below was read; it could not be */
};

/* Whether the file may be linked by this action; it counts as linked then. A failure to find out is a no. */
bool shared_files_take(struct shared_files *files, const struct tree_root *target, const struct stat *s, int action);
void shared_files_free(struct shared_files *files);
