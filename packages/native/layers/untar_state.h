/* What the parts of mode `untar` share: what was asked for, and how far it has come. */
#pragma once
#include "layers/untar_input.h"
#include "layers/untar_path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Overlayfs' own mark on a directory that hides what lies below it. */
#define UNTAR_OPAQUE "trusted.overlay.opaque"

struct untar_options {
	const char *root;
	const char *remove;
	const char **parents;
	int parent_count;
	bool overlay;
	bool adopt;
	bool follow;
	bool gzip;
	bool copy;
	bool keep_kinds;
	const char *into;
	int64_t max_bytes;
	int64_t max_entries;
	int64_t uid, gid; /* --owner; -1: as the archive says */
};

struct untar_dir_time {
	char *path;
	struct timespec times[2];
};

struct untar_state {
	struct untar_options opt;
	struct untar_tree tree;
	struct untar_set laid; /* names this archive made, for whiteouts in plain mode */
	struct untar_dir_time *dirs;
	size_t dir_count, dir_cap;
	int64_t entries, bytes, warnings;
	struct untar_input input;
	char digest[65]; /* with --gzip: of the tar, in hexadecimal */
};
