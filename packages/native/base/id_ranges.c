#include "base/id_ranges.h"

#include <stdio.h>

struct id_ranges uid_ranges, gid_ranges;

bool id_ranges_read(struct id_ranges *r, const char *text) {
	unsigned long long inside, outside, count;
	int used;

	for (r->count = 0; r->count < ID_RANGES; text++) {
		if (sscanf(text, "%10llu:%10llu:%10llu%n", &inside, &outside, &count, &used) != 3 || count == 0 || inside + count > UINT32_MAX ||
		    outside + count > UINT32_MAX)
			return false;
		r->range[r->count].inside = (uint32_t)inside;
		r->range[r->count].outside = (uint32_t)outside;
		r->range[r->count++].count = (uint32_t)count;
		text += used;
		if (*text != ',') return *text == 0;
	}
	return false;
}

uint32_t id_inside(const struct id_ranges *r, uint32_t outside) {
	for (int i = 0; i < r->count; i++)
		if (outside - r->range[i].outside < r->range[i].count) return r->range[i].inside + (outside - r->range[i].outside);
	return outside;
}

bool id_outside(const struct id_ranges *r, uint32_t inside, uint32_t *outside) {
	*outside = inside;
	for (int i = 0; i < r->count; i++) {
		if (inside - r->range[i].inside < r->range[i].count) {
			*outside = r->range[i].outside + (inside - r->range[i].inside);
			return true;
		}
	}
	return r->count == 0;
}
