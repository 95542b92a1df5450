/* A writer of pax tar: ustar headers, extended records only where ustar has no room. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct squeeze;

struct tar_out {
	int fd;
	uint64_t most; /* more than so many bytes are not written: EFBIG; 0: any number */
	uint64_t written;
	bool exceeded;
	struct squeeze *squeeze; /* takes the bytes instead of fd */
	unsigned char *buffer; /* one MiB */
	size_t used;
	char *records; /* extended records of the next entry */
	size_t record_size, record_cap;
};

/* Adds one extended record (key is written as given) to the next entry. -1: out of memory. */
int tar_record(struct tar_out *out, const char *key, const void *value, size_t size);

/* Header of an entry; link is the target of a symbolic or (type '1') hard link, else NULL. -1 and errno when writing fails. */
int tar_header(struct tar_out *out, const char *path, const struct stat *s, char type, const char *link, uint64_t size);
int tar_data(struct tar_out *out, const void *data, size_t size);

/* Pads what was written as the entry's data. */
int tar_pad(struct tar_out *out, uint64_t size);

/* End marker and flush. */
int tar_finish(struct tar_out *out);
