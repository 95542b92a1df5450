/* destroy.h - the end of a container, for delete, run and a start that failed. */
#ifndef GANTRY_CLI_DESTROY_H
#define GANTRY_CLI_DESTROY_H

#include "cli/cli.h"
#include "cli/state.h"

/* Kills what is left, removes the cgroups, forgets the state, runs poststop. 0, or -1 with *error. */
int destroy(const struct cli *cli, const struct stored *state, struct launch_error *error);

#endif
