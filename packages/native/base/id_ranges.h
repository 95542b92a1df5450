/* id_ranges.h - ids of a container's user namespace in terms of the host's and back: what is packed and unpacked has the container's. */
#ifndef GANTRY_ID_RANGES_H
#define GANTRY_ID_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define ID_RANGES 340 /* as many as the kernel takes */

struct id_ranges {
	int count; /* 0: every id is itself */
	struct {
		uint32_t inside, outside, count;
	} range[ID_RANGES];
};

extern struct id_ranges uid_ranges, gid_ranges;

/* Reads INSIDE:OUTSIDE:COUNT[,...]; false when it is something else. */
bool id_ranges_read(struct id_ranges *r, const char *text);

/* An id that the host knows by another number; one that no range has stays as it is. */
uint32_t id_inside(const struct id_ranges *r, uint32_t outside);

/* False when the container has no such id. */
bool id_outside(const struct id_ranges *r, uint32_t inside, uint32_t *outside);

#endif
