/* Mode `receive`: what comes to be in a tree, record by record; see receive.c for the layout. */
#pragma once
#include "layers/untar_path.h"

#include <stdint.h>
#include <sys/types.h>

#define RECEIVE_SLOTS 64 /* files that are written to side by side */

enum receive_kind {
	RECEIVE_DIR = 1, /* made, or dressed anew where it is */
	RECEIVE_FILE = 2, /* with all its data */
	RECEIVE_OPEN = 3, /* a file whose data follows in RECEIVE_DATA of the same slot, until RECEIVE_CLOSE */
	RECEIVE_DATA = 4,
	RECEIVE_CLOSE = 5,
	RECEIVE_SYMLINK = 6,
	RECEIVE_HARDLINK = 7,
	RECEIVE_NODE = 8, /* device or FIFO */
	RECEIVE_REMOVE = 9, /* with all below; one that is gone is fine */
	RECEIVE_TIMES = 10, /* of a directory that something was done in */
	/* Of mode `session` alone. */
	RECEIVE_START = 11, /* data: what came of the client before */
	RECEIVE_BEGIN = 12, /* a transfer: slot is its stream, path the tree's root */
	RECEIVE_EXPECT = 13, /* a file whose content the client is asked for; slot is its number there */
	RECEIVE_SETTLE = 14, /* nothing follows but RECEIVE_LEAVE */
	RECEIVE_LEAVE = 15,
	RECEIVE_COMPARE =
	    16, /* of stream slot, from its first message on: stats that are those of the list at path, in order, are not told; asked once a transfer */
};

/* The head of a record, little endian as the processors that this runs on; path, link, xattrs and data follow it. */
struct receive_head {
	uint8_t kind, unused[3];
	uint32_t mode, uid, gid, slot, major, minor;
	uint32_t path_length, link_length, xattrs_length;
	uint64_t data_length;
	int64_t mtime;
	uint32_t mtime_nanos, transfer;
};

struct receive_record {
	struct receive_head head;
	char *path, *link; /* ended by NUL; the path is clean */
	unsigned char *xattrs; /* uint16 length of the name, uint32 length of the value, name, value; again */
	unsigned char *data;
};

struct receive_slot {
	int fd; /* -1: free */
	struct receive_head head;
	char *path;
};

struct receive_state {
	struct untar_tree tree;
	struct receive_slot slots[RECEIVE_SLOTS];
	struct receive_dir {
		char *path;
		struct timespec times[2];
	} * dirs;
	size_t dir_count, dir_cap;
	long long entries;
};

/* All answer 0, or -1 when they reported a failure. */
/* Whether a record may be of these lengths. */
int receive_check_head(const struct receive_head *h);
/* Whether its names are clean paths, where it has some. */
int receive_check_names(const struct receive_record *r);
int receive_make(struct receive_state *st, const struct receive_record *r);
int receive_remember_times(struct receive_state *st, const char *path, const struct receive_head *head);
int receive_settle_dirs(struct receive_state *st);
int receive_write(int fd, const unsigned char *data, uint64_t size, const char *path);
/* Owner, xattrs, mode and times of a file, and closes it. */
int receive_finish_file(struct receive_state *st, int fd, const struct receive_record *r);
void receive_release(struct receive_state *st);
