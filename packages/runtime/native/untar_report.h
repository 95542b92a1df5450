/* How mode `untar` speaks to its caller: one JSON line on stdout or stderr. */
#pragma once
#include "untar_path.h"
#include <stdint.h>

/* Writes {"code","error"} to stderr and returns -1. */
int untar_fail(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A failed system call at a path of the archive, by errno. */
int untar_fail_at(const char *what, const char *path);

/* Writes the summary of a finished extraction to stdout. */
void untar_report(int64_t entries, int64_t bytes, int64_t warnings, const struct untar_tree *tree);
