#include "layers/link_table.h"
#include "layers/untar_report.h"

#include <stdlib.h>
#include <string.h>

struct link_entry {
	uint64_t dev, ino;
	char *path;
};

/* The slot of an inode: its own, or the free one where it belongs. */
static struct link_entry *slot_of(struct link_entry *slots, size_t cap, uint64_t dev, uint64_t ino) {
	size_t at = (size_t)(ino * 0x9e3779b97f4a7c15U >> 20) & (cap - 1);
	while (slots[at].path && (slots[at].ino != ino || slots[at].dev != dev)) at = (at + 1) & (cap - 1);
	return &slots[at];
}

const char *link_table_find(const struct link_table *table, const struct stat *s) {
	return table->cap == 0 ? NULL : slot_of(table->slots, table->cap, s->st_dev, s->st_ino)->path;
}

/* At most half of the slots are used; their number is a power of two. */
static int grow(struct link_table *table) {
	size_t cap = table->cap ? table->cap * 2 : 256;
	struct link_entry *grown = calloc(cap, sizeof *grown);
	if (!grown) return untar_fail("io", "out of memory");
	for (size_t i = 0; i < table->cap; i++)
		if (table->slots[i].path) *slot_of(grown, cap, table->slots[i].dev, table->slots[i].ino) = table->slots[i];
	free(table->slots);
	table->slots = grown;
	table->cap = cap;
	return 0;
}

int link_table_add(struct link_table *table, const struct stat *s, const char *path) {
	if (table->count * 2 >= table->cap && grow(table) < 0) return -1;
	char *copy = strdup(path);
	if (!copy) return untar_fail("io", "out of memory");
	*slot_of(table->slots, table->cap, s->st_dev, s->st_ino) = (struct link_entry){s->st_dev, s->st_ino, copy};
	table->count++;
	return 0;
}

void link_table_free(struct link_table *table) {
	for (size_t i = 0; i < table->cap; i++) free(table->slots[i].path);
	free(table->slots);
	*table = (struct link_table){0};
}
