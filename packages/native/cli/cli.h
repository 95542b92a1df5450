/* cli.h - one call of gantry-runc: its global flags, and where its parts lie. */
#ifndef GANTRY_CLI_H
#define GANTRY_CLI_H

#include <limits.h>
#include <stdbool.h>

#include "base/failure.h"
#include "cli/arguments.h"

struct cli {
	struct words all; /* the whole command line without the program's name */
	const char *verb;
	struct words words; /* the verb's words */
	char **program; /* how to execute this program again: path, mode, all words */
	const char *root; /* absolute directory of the containers' states */
	bool root_given;
	const char *log; /* NULL: stderr */
	bool log_json, debug;
	char native[PATH_MAX]; /* this program, before it was sealed */
	char script[PATH_MAX], node[PATH_MAX]; /* the TypeScript half */
};

/* One verb: its exit status. */
typedef int verb_fn(struct cli *cli);

verb_fn verb_state, verb_list, verb_ps, verb_kill, verb_start, verb_delete, verb_pause, verb_resume, verb_run, verb_planned, verb_exec;

/* Tells what went wrong, where callers look for it (log.c); answers 1. */
int cli_failed(const struct cli *cli, const struct launch_error *error);
/* The same with words before it, such as "gantry-runc run failed: ". */
int cli_failed_as(const struct cli *cli, const char *prefix, const struct launch_error *error);
void cli_warn(const struct cli *cli, const char *text);
void cli_debug(const struct cli *cli, const char *text);
/* What the program would have said itself: without time and level on stderr. */
void cli_bare(const struct cli *cli, const char *text);

/* Reads a verb's only word, an id, where it takes no flags; NULL after telling what is wrong. */
const char *cli_only_id(const struct cli *cli);

#endif
