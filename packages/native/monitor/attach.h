// The clients of a monitor's socket: one line of JSON, then the operation's own bytes. An attach that says "hold" is one with whose
// connection the process ends (hold.h).
#ifndef GANTRY_ATTACH_H
#define GANTRY_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Binds (0600) and listens. 0, or -1 with errno.
int clients_listen(const char *path);
void clients_stop_listening(const char *path);

// Output for those attached to the stream (1 stdout, 2 stderr).
void clients_push(int stream, const char *data, size_t len);

// True while one of them is so far behind that the sources must rest.
bool clients_full(void);

// The exit has been written: answers those that wait, ends those attached.
void clients_tell_exit(void);
void clients_tell_oom(void);
void clients_tell_stdin_closed(void);

// Looks again who may be read or written (stdin has room, output is queued).
void clients_update(void);

// Drops clients that have blocked the output for monitor.stuck_ms (each is told to the control connections), frees those that
// are gone. Returns how many remain.
int clients_sweep(int64_t now);

// Closes the connections that carry no output any more.
void clients_close_idle(void);

extern unsigned clients_dropped;

#endif
