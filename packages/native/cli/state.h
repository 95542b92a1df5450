/* state.h - <root>/<id>/state.json, which the TypeScript half writes (packages/runtime/src/cli/state.ts). */
#ifndef GANTRY_CLI_STATE_H
#define GANTRY_CLI_STATE_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/failure.h"

struct cli;

enum status { CREATING, CREATED, RUNNING, PAUSED, STOPPED };

struct stored {
	struct json_object *document, *spec, *cgroup; /* the last two are parts of the first */
	const char *id, *bundle, *rootfs, *created, *start_time; /* parts of the document */
	pid_t pid; /* 0 while it is being created */
	char directory[PATH_MAX];
};

/* An id is a file name and more: anything else could leave the root. False with *error. */
bool state_directory(const struct cli *cli, const char *id, char directory[PATH_MAX], struct launch_error *error);

/* 0; -1 with *error, of kind LAUNCH_NOT_FOUND when there is no such container. */
int load_state(const struct cli *cli, const char *id, struct stored *state, struct launch_error *error);
void free_state(struct stored *state);

/* Takes a container's directory away, with all in it. */
void forget_state(const char *directory);

/* Its process runs, and is not another one with the same number. */
bool is_alive(const struct stored *state);
enum status status_of(const struct stored *state);
const char *status_name(enum status status);

/* A text member of an object, "" when it is missing. */
const char *text_of(struct json_object *object, const char *key);
/* Is a namespace of that type in the container's configuration? `made`: only one that was made for it. */
bool has_namespace(const struct stored *state, const char *type, bool made);

#endif
