/* launch_detached.h - a launch whose parent goes away: gantry-runc create. */
#ifndef GANTRY_LAUNCH_DETACHED_H
#define GANTRY_LAUNCH_DETACHED_H

#include "launch/launch.h"

/*
 * launch_create, but the created process then accepts one connection on
 * `listener` (a listening SOCK_STREAM socket, -1 = as launch_create) and waits
 * there for "S"; the peer reads an error message or end of file (it runs).
 */
int launch_create_detached(
    const uint8_t *plan, size_t len, const struct launch_io *io, int listener, struct launch *out, struct launch_error *error);

#endif
