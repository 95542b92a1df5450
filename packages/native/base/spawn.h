// A program of the host's as a child process.
#ifndef GANTRY_SPAWN_H
#define GANTRY_SPAWN_H

#include <sys/types.h>

// Forks and executes argv with these descriptors as 0, 1 and 2 (-1: /dev/null) and default signals. `hide` (or NULL) is a mount
// point that the program must not see: it runs in a mount namespace without it. `directory` (or NULL) is where it runs. Returns the pid,
// -1 with errno.
pid_t spawn_program(char **argv, const int fds[3], const char *hide, const char *directory);

#endif
