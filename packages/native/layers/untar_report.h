/* How mode `untar` speaks to its caller: one JSON line on stdout or stderr. */
#pragma once
#include "layers/untar_state.h"

#include <stdio.h>

/* Failures of this thread go there from now on; NULL: to stderr. */
void untar_tell(FILE *out);

/* Writes {"code","error"} to stderr, or where this thread tells, and returns -1. */
int untar_fail(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A failed system call at a path of the archive, by errno. */
int untar_fail_at(const char *what, const char *path);

/* Writes the summary of a finished extraction. */
void untar_report(const struct untar_state *st, FILE *out);
