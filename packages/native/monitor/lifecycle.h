// The steps in a monitored process's life that requests ask for.
#ifndef GANTRY_LIFECYCLE_H
#define GANTRY_LIFECYCLE_H

#include <sys/types.h>

#include "launch/launch.h"

// created → running. 0, or -1 with *error: the process then ends with 127 (not found), 126 (permission) or 128.
int lifecycle_start(struct launch_error *error);

// The same for a process that another program has started.
int lifecycle_follow(pid_t pid, struct launch_error *error);

// Writes monitor.json. 0, or -1 with errno.
int lifecycle_save(void);

// Closes our copies of the process's ends.
void lifecycle_let_go(void);

// The shim has taken the process over: it is no longer destroyed at the deadline. 0, or -1 with errno.
int lifecycle_acknowledge(void);

// TIOCSWINSZ. 0, or -1 with errno (EINVAL without a terminal).
int lifecycle_resize(unsigned short width, unsigned short height);

#endif
