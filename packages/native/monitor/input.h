// The process's stdin: fed by attached clients or by a FIFO, closed when its owner says so.
#ifndef GANTRY_INPUT_H
#define GANTRY_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/wire.h"

// Opens the pipe and finds the FIFO; *fd is the process's end, -1 for /dev/null. 0, or -1 with errno and *what.
int input_open(const struct frame *frame, int *fd, const char **what);

// The terminal takes the place of the pipe.
void input_terminal(int master);

// At the start of the process: opens the FIFO for reading, and for writing unless CloseIO came already. Not sooner: a client's writes
// succeed once there is a reader, and ctr, when its input ends before its Create is answered, never calls CloseIO. 0, or -1 with errno.
int input_open_fifo(void);

// stdin was open and is closed now.
bool input_closed(void);

// True while bytes wait for the process: nobody may be read then.
bool input_full(void);

// Takes bytes for the process (only while !input_full()); they are dropped when stdin is closed.
void input_push(const char *data, size_t len);

// Closes stdin once everything taken has been delivered; a terminal is left alone.
void input_close(void);

// An attached client ended its side.
void input_client_left(void);

// CloseIO, at any time and as often as it comes: our write end of a FIFO goes, or is never opened; without a FIFO the pipe is closed.
void input_close_io(void);

// The process is dead.
void input_end(void);

#endif
