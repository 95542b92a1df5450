/* What the requests of mode `tree` share. A failure is told with untar_fail (layers/untar_report.h); every function that can fail is -1 then. */
#pragma once
#include "tree/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#define TREE_LAYERS 16 /* as many as a context's trees lie on each other at most (packages/builder/src/sources/local/transfer.ts) */

/* A tree that was opened: its root, and what overlayfs shows it from. */
struct tree_root {
	int fd;
	int upper; /* where overlayfs keeps the changes; -1 where the tree is one plain directory, or is not written to */
	int layers[TREE_LAYERS]; /* of a tree that is only read: the directories that it shows, top first */
	int layer_count; /* 0: too many to be looked through */
	char *below; /* of an overlay that is written to: the directories below the changes, as its option lowerdir has them; else NULL */
	char *volatile_mark; /* left by a volatile overlay; to be removed once it is unmounted */
};

/* Reads mounts from the request and opens the tree that they show. */
int tree_open_root(struct tree_request *r, struct tree_root *root);
/* Unmounts; what was written is in the directories below. */
void tree_close_root(struct tree_root *root);
/* Whether a directory is one that a written overlay shows; true where that cannot be told. */
bool tree_shows(const struct tree_root *root, int dir);

/*
 * Where a path leads inside the root, all links on the way followed inside it, and the last one too with follow: from the root, without a slash in front, no
 * links left; "" is the root. What does not exist is taken as it is written. Caller frees; NULL: reported.
 */
char *tree_resolve(int root, const char *path, bool follow);

/* open(2) of a path that tree_resolve gave: no link is followed any more. */
int tree_open(int root, const char *path, int flags);
/* Directory of such a path, opened, and its last component inside path. -1 and errno. */
int tree_open_parent(int root, const char *path, const char **name);
/* lstat of such a path; -1 and errno. */
int tree_stat(int root, const char *path, struct stat *s);

/* path joined with name; caller frees. Never NULL: out of memory ends the process. */
char *tree_join(const char *path, const char *name);
/* strdup that ends the process when memory is out. */
char *tree_dup(const char *text);

/* "lstat /a: no such file or directory", as Go's programs put it. -1. */
int tree_fail_at(const char *what, const char *path);

/* The requests. What they answer goes to out. */
int tree_run_plan(struct tree_request *r, FILE *out);
int tree_run_digest(struct tree_request *r, FILE *out);
int tree_run_digest_list(struct tree_request *r, FILE *out);
int tree_run_read(struct tree_request *r, FILE *out);
int tree_run_stack(struct tree_request *r, FILE *out);
int tree_run_unpack(struct tree_request *r, FILE *out);
int tree_run_glob(struct tree_request *r, FILE *out);
int tree_run_pack(struct tree_request *r, FILE *out);
int tree_run_lay(struct tree_request *r, FILE *out);
