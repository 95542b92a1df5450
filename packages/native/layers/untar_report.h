/* How mode `untar` speaks to its caller: one JSON line on stdout or stderr. */
#pragma once
#include "layers/untar_state.h"

/* Writes {"code","error"} to stderr and returns -1. */
int untar_fail(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A failed system call at a path of the archive, by errno. */
int untar_fail_at(const char *what, const char *path);

/* Writes the summary of a finished extraction to stdout. */
void untar_report(const struct untar_state *st);
