/* terminal.h - the caller's terminal and the container's, for gantry-runc's command line. */
#ifndef GANTRY_TERMINAL_H
#define GANTRY_TERMINAL_H

/* Sends a descriptor with a name to the unix socket at `path` (a console socket, a pidfd socket). 0, or -1 with errno. */
int send_descriptor(const char *path, const char *name, int fd);

/* Our terminal <-> the container's, until its last writer is gone; ours is raw meanwhile. */
void terminal_relay(int master);

/* The container's end adds no carriage returns: ours does. */
void terminal_keep_newlines(int master);

#endif
