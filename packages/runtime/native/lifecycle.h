// The steps in a monitored process's life that requests ask for.
#ifndef GANTRY_LIFECYCLE_H
#define GANTRY_LIFECYCLE_H

#include "launch.h"

// created → running. 0, or -1 with *error: the process then ends with 127 (not found), 126 (permission) or 128.
int lifecycle_start(struct launch_error *error);

// The shim has taken the process over: it is no longer destroyed at the deadline. 0, or -1 with errno.
int lifecycle_acknowledge(void);

// TIOCSWINSZ. 0, or -1 with errno (EINVAL without a terminal).
int lifecycle_resize(unsigned short width, unsigned short height);

#endif
