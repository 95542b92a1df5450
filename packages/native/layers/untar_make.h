/* Entries of an archive as files of a tree. All answer 0, or -1 when they reported a failure. */
#pragma once
#include "layers/untar_state.h"

#include <archive.h>
#include <archive_entry.h>

/* A name of the archive as a clean path below the root; NULL when it leads outside of where it belongs. Caller frees. */
char *untar_place(const struct untar_state *st, const char *raw);

/* Before a tree below parent goes: the cached directory may lie in it, unless it is parent itself. */
void untar_forget_below(struct untar_state *st, int parent);

/* What stands in the way of a new entry goes. 1 when a whiteout was removed. */
int untar_clear_way(struct untar_state *st, int parent, const char *name, const char *path);

int untar_make_regular(
    struct untar_state *st, struct archive *a, struct archive_entry *e, const struct untar_parent *where, const char *path);
int untar_make_dir(struct untar_state *st, struct archive_entry *e, int parent, const char *name, const char *path);
int untar_make_special(struct untar_state *st, struct archive_entry *e, int parent, const char *name, const char *path);
int untar_make_hardlink(struct untar_state *st, int lent, const char *name, const char *path, const char *raw_target);
int untar_make_whiteout(struct untar_state *st, int parent, const char *name, const char *path);
