/* caller.h - a launch whose stdio, terminal and waiting are those of a command line's caller. */
#ifndef GANTRY_RUNC_CALLER_H
#define GANTRY_RUNC_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launch/launch.h"

struct caller_wish {
	const char *listen; /* directory for start.sock: the process waits for start there, NULL: it waits for us */
	const char *console, *pidfd; /* unix sockets that get the terminal's master, and a descriptor of the process; NULL: none */
	bool terminal;
	uint16_t rows, cols; /* first size of the terminal, 0: as it is */
};

/* Our 0, 1, 2 and the preserved descriptors become the process's. 0, or -1 with *error and nothing left. */
int launch_for_caller(
    const struct caller_wish *wish, const uint8_t *plan, size_t length, struct launch *launch, struct launch_error *error);

/* Relays the terminal, waits for the process; its exit status, 128 and the signal's number when one killed it. */
int wait_for_caller(struct launch *launch);

#endif
