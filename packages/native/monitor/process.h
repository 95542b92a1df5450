// The process of a monitor, by driver: native (launch.h) or oci (a runc-like binary).
#ifndef GANTRY_PROCESS_H
#define GANTRY_PROCESS_H

#include "launch/launch.h"
#include "base/wire.h"

// Makes it up to "created" (an oci exec process only at its start). fds become its 0, 1 and 2, -1 is /dev/null.
// With a terminal *master is set. 0, or -1 with *error.
int process_create(const struct frame *frame, const int fds[3], int *master, struct launch_error *error);

// Lets it run. 0, or -1 with *error; *master is set when a terminal came only now.
int process_start(const struct frame *frame, const int fds[3], int *master, struct launch_error *error);

// True when fds and frame are needed until the start.
bool process_starts_late(const struct frame *frame);

// Reaps every dead child; tells the monitor when the process was among them.
void process_reap(void);

int process_signal(int signal);

#endif
