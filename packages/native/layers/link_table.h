/* Inodes with several names, and where each was copied to first. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct link_table {
	struct link_entry *slots;
	size_t count, cap;
};

/* The first copy's path, or NULL. */
const char *link_table_find(const struct link_table *table, const struct stat *s);
/* -1: memory is out, reported. */
int link_table_add(struct link_table *table, const struct stat *s, const char *path);
void link_table_free(struct link_table *table);
