/*
 * conversation.h - one call carried out with the planner: it decides, we launch, so that the process is our child and has our descriptors.
 *
 * Frames both ways: u8 type, u32 length (little endian), bytes.
 *   to the planner    'R' the call as JSON (words, cwd, pid, environment, stdin); 'A' what became of a launch: "created PID", "started",
 *                     or "error KIND TEXT"
 *   from the planner  'H' it has the call, and begins with it; 'O', 'E' for our stdout and stderr; 'L' u32 length, a wish as JSON, the plan: launch it; 'S' start it;
 *                     'W' wait for it and end with its status; 'X' u32 exit status
 * packages/runtime/src/cli/planner has the other end.
 */
#ifndef GANTRY_CLI_CONVERSATION_H
#define GANTRY_CLI_CONVERSATION_H

#include "cli/cli.h"
#include "launch/launch.h"

struct conversation {
	struct launch launch;
	bool heard; /* the planner has begun with the call */
	bool launched; /* its process exists */
	bool wait; /* the planner left it to us to wait for it */
	int status; /* exit status, when it did not */
};

/* Carries the whole call out. 0, or -1 with *error when the planner is lost; then no process is left that was not started. */
int converse(struct cli *cli, struct conversation *talk, struct launch_error *error);

#endif
