/* hooks.h - the hooks that run outside of a launch: poststart and poststop. */
#ifndef GANTRY_CLI_HOOKS_H
#define GANTRY_CLI_HOOKS_H

#include <sys/types.h>

#include "cli/state.h"

/* Runs them one after the other with the state on stdin, up to the first that fails: -1 with *error. */
int run_hooks(const struct stored *state, const char *name, pid_t pid, const char *status, struct launch_error *error);

#endif
