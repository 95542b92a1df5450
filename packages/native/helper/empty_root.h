// A mount namespace with nothing in it but /pause (pod-pause/), read-only: where holders of pods' namespaces live, so that nobody who sees such a process
// sees the host through it. One for all of a helper's: its descriptor, -1 with errno. Made at the first call.
#ifndef GANTRY_EMPTY_ROOT_H
#define GANTRY_EMPTY_ROOT_H

#define PAUSE "/pause"

int empty_root(void);

#endif
