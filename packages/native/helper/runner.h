// Short-lived processes forked by the helper: a command of an OCI runtime, or an unmount that may hang.
#ifndef GANTRY_RUNNER_H
#define GANTRY_RUNNER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/wire.h"

// Fields: argv (zero-separated), hide (see spawn_program), output ("1": answer up to 4 KiB of stdout, "2": of both, else of stderr),
// cwd, env (zero-separated NAME=value, beside the helper's own), stdout (a file that takes stdout).
// Answer: {"ok":true,"exit_code":N,"output":"…"}
int runner_command(int socket, struct frame *frame);

// Fields: directory, path, source, type, flags, data. With uid_map and gid_map (idmap.h) what is mounted is seen through them, and directory
// is not used. Answer as of runner_umount.
int runner_mount(int socket, struct frame *frame);

// Fields: path, flags (of umount2). Unmounts until nothing is mounted there; a missing path is fine. Answer: {"ok":true} or {"ok":false,"errno":N,"error":"…"}
int runner_umount(int socket, struct frame *frame);

#endif
