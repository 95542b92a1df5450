// A process that another program makes and watches: a containerd shim, or a Task server (driver "remote"). The monitor carries its stdio
// through FIFOs in its directory, keeps its log and its exit status, and serves its clients, all of it also while no gantry shim lives; the
// steps of the process's life are told by the gantry shim, over the control connection:
//
//   {"op":"made","pid":N}                                        created (an exec process: only known)
//   {"op":"start","pid":N}                                       running
//   {"op":"ended","exit_code":N,"exited_at":"…","oom":bool}      dead: what is in the FIFOs is drained, then the exit is on file
//
// {"event":"stdin_closed"} is pushed (and "stdin_closed" is in the state) when nothing more comes for stdin.
#ifndef GANTRY_REMOTE_H
#define GANTRY_REMOTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "launch/launch.h"
#include "base/wire.h"

bool remote_is(const struct frame *frame);

// Keeps what is needed later, and drains the FIFO `side_log` (the program's own log) into <dir>/shim.log. 0, or -1 with errno and *what.
int remote_open(const struct frame *frame, const char **what);

// Makes the FIFO <dir>/<name> and opens both ends, non-blocking: ends[0] reads, ends[1] writes. 0, or -1 with errno.
int remote_pipe(const char *name, int ends[2]);

void remote_made(pid_t pid);
int remote_started(pid_t pid, struct launch_error *error);
void remote_ended(int code, const char *exited_at, bool oom);

// The process that was told is still there.
bool remote_lives(void);

// SIGKILL to the process, if it is still the one that was told.
void remote_kill(void);

#endif
