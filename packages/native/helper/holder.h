// A process that holds namespaces which several containers share: a pod's. It is the first process of their pid namespace where they share one, and
// takes the dead processes away that nobody waits for (pod-pause/). It has no rights and no files but its own program.
#ifndef GANTRY_HOLDER_H
#define GANTRY_HOLDER_H

#include "base/wire.h"

// Fields: network, ipc, uts, pid ("1": a new one of that kind), hostname, sysctls (zero-separated NAME=value, set inside).
// root: see empty_root.h; -1 is refused with errno.
// Answer: {"ok":true,"pid":N} or {"ok":false,"code":"…","error":"…"}. The process lives until it is killed.
int holder_run(int socket, struct frame *frame, int root);

#endif
