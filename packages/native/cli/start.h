/* start.h - the words before a start's failure, and what follows a start that went well. */
#ifndef GANTRY_CLI_START_H
#define GANTRY_CLI_START_H

#include "cli/cli.h"
#include "cli/state.h"

/* The words that docker, containerd and podman look for, before the reason. */
void unable_to_start(struct launch_error *error);

/* Runs poststart; a container whose hook fails is destroyed. 0, or -1 with *error. */
int after_start(const struct cli *cli, const struct stored *state, struct launch_error *error);

#endif
