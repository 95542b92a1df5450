/* Owner, extended attributes and times of what an archive brings. */
#pragma once
#include "layers/untar_state.h"

#include <archive_entry.h>

/* Access and modification time; the latter for both when the archive has no other. */
void untar_entry_times(struct archive_entry *e, struct timespec out[2]);

/* fd may be -1: then the attributes go to name below parent, without following it. -1: reported. */
int untar_set_xattrs(struct untar_state *st, struct archive_entry *e, int fd, int parent, const char *name);

/* The owner on the host. -1: reported. */
int untar_owner_of(const struct untar_state *st, struct archive_entry *e, uid_t *uid, gid_t *gid);

/* A directory that was there takes the attributes of its new entry, and has no others. Overlayfs' own are not the archive's business. */
void untar_clear_xattrs(const struct untar_state *st, int fd);

/* Gives a directory all but its times, which wait for untar_settle_dirs. -1: reported. */
int untar_dress_dir(struct untar_state *st, struct archive_entry *e, int fd, const char *path);

/* Sets the directories' times, when nothing comes into them any more. -1: reported. */
int untar_settle_dirs(struct untar_state *st);
