// Short-lived processes forked by the helper: a command of an OCI runtime, or an unmount that may hang.
#ifndef GANTRY_RUNNER_H
#define GANTRY_RUNNER_H

#include <stddef.h>
#include <sys/types.h>

#include "wire.h"

// Fields: argv (zero-separated), output ("1": answer up to 4 KiB of stdout, else of stderr).
// Answer: {"ok":true,"exit_code":N,"output":"…"}
int runner_command(int socket, struct frame *frame);

// Fields: directory, path, source, type, flags, data. Answer as of runner_umount.
int runner_mount(int socket, struct frame *frame);

// Fields: path, flags (of umount2). Unmounts until nothing is mounted there; a missing path is fine. Answer: {"ok":true} or {"ok":false,"errno":N,"error":"…"}
int runner_umount(int socket, struct frame *frame);

// Forks and executes argv with stdin /dev/null and both outputs on `out` (-1: /dev/null), default signals, own session.
// Returns the pid, -1 with errno.
pid_t runner_spawn(char **argv, int in, int out, int err);

#endif
