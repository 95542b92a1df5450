// From the process's stdout and stderr (or terminal) to the log, FIFOs, files and attached clients.
#ifndef GANTRY_OUTPUT_H
#define GANTRY_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/wire.h"

// Opens log, FIFOs and pipes; fds[1] and fds[2] are the process's ends (or -1). 0, or -1 with *what naming the path.
int output_open(const struct frame *frame, int fds[3], const char **what);

// Takes the terminal's master as the only source.
void output_terminal(int master);

// Begins to read.
void output_start(void);

// Rests or goes on, after a queue changed.
void output_update(void);

// The process is dead: reads what is there. True when every source came to its end.
bool output_drain(void);

// Throws away what waits in the pipes: the words of a runtime that did not make the process, whose reason its own log tells.
void output_discard(void);

// loop_now() of the last byte that was read.
int64_t output_last(void);

// Writes unfinished lines to the log and closes the FIFOs as soon as they are empty.
void output_finish(void);

// Bytes wait for the reader of a FIFO, who took some in the last monitor.stuck_ms.
bool output_read(int64_t now);

// The output rests because lines of the log were not passed on; whoever asks calls output_update() again after LOG_LOOK_MS.
bool output_waits_for_log(void);

// Goes on in a new file, see logfile_reopen(); nothing where there is no log.
int output_reopen_log(void);

// Log entries that could not be written.
uint64_t output_log_dropped(void);

#endif
