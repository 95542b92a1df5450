/* idmap.h - user namespaces that exist only to carry a map, and mounts seen through one. */
#ifndef GANTRY_IDMAP_H
#define GANTRY_IDMAP_H

#include <stdbool.h>
#include <stddef.h>

/* A descriptor of a new user namespace with these maps (lines as the kernel reads them), or -1 with errno. */
int make_namespace(const char *uids, const char *gids);

/* Gives a detached tree the map of a user namespace. -1 with errno. */
int map_ids(int tree, bool recursive, int space);

struct mapped_mount {
	const char *source, *target, *type, *data; /* as of mount(2); type `overlay` or `bind` */
	unsigned long flags; /* MS_BIND, MS_REC, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC */
	const char *uids, *gids; /* lines "INSIDE OUTSIDE COUNT" */
};

/* mapped_rootfs.c: mounts; -1 with errno and what failed in `why`. Other flags and types are EINVAL. */
int mount_mapped(const struct mapped_mount *m, char *why, size_t size);

#endif
