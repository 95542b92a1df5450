/* planner.h - the TypeScript half of gantry-runc: where it is, how it is reached. */
#ifndef GANTRY_CLI_PLANNER_H
#define GANTRY_CLI_PLANNER_H

#include "cli/cli.h"

/* Finds the script and the Node that runs it beside this program. 0, or -1 with *error. */
int find_planner(struct cli *cli, struct launch_error *error);

/*
 * A connection to a planner: to the one that waits for calls from namespaces, root and release like ours, else to one that is started
 * for it, in a session of its own and with no descriptor of the caller's. `anew`: to a started one in any case. -1 with *error.
 */
int reach_planner(struct cli *cli, bool anew, struct launch_error *error);

/* Becomes the TypeScript half itself, for what it does alone. Returns only with *error. */
int become_planner(struct cli *cli, struct launch_error *error);

#endif
