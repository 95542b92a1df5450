/* arguments.h - the words of a command line: flags up to the first word that is none, as gantry-runc's TypeScript half reads them. */
#ifndef GANTRY_CLI_ARGUMENTS_H
#define GANTRY_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/failure.h"

/* A flag has a place for its text or for its truth. */
struct flag {
	const char *name;
	const char *letter; /* the short name, NULL: none */
	const char **text;
	bool *on;
};

/* What is no flag, in its order. */
struct words {
	char **list;
	int count;
};

/*
 * `--name value`, `--name=value`, `-n value`; long names may have one dash, `--` ends them. `interleaved`: flags may follow other words.
 * `flags` ends with a name that is NULL. 0, or -1 with *error.
 */
int read_flags(const struct flag *flags, struct words given, bool interleaved, struct words *rest, struct launch_error *error);

/* Between `least` and `most` words, whose names (for the error) are listed. 0, or -1 with *error. */
int check_words(const struct words *rest, const char *const *names, int least, int most, struct launch_error *error);

#endif
