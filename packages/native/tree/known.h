/*
 * Digests of file contents that were computed before. A file of them holds records: path and a zero byte, inode, size, time of the last change (nanoseconds) and
 * birth (nanoseconds; 0: unknown), 8 bytes each, little endian, and 32 bytes of SHA-256. A record is good for a file that is the same inode with the same size and times;
 * one whose inode is 0 is good for the path whatever is there. Later files count more than earlier ones.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct known_files {
	struct known_slot *slots;
	size_t count, cap;
	char **blocks; /* the files as they were read */
	size_t block_count;
};

struct known_stamp {
	uint64_t inode, size, changed, born;
};

int known_read(struct known_files *known, const char *file);
/* Those that a list has (tree/listing.h), good for the paths. One that is not there tells nothing. */
int known_read_list(struct known_files *known, const char *list);
const unsigned char *known_find(const struct known_files *known, const char *path, const struct known_stamp *stamp);
void known_write(FILE *index, const char *path, const struct known_stamp *stamp, const unsigned char digest[32]);
void known_free(struct known_files *known);
