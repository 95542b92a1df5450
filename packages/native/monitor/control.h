// The operations of a monitor's socket that are one question and one answer.
#ifndef GANTRY_CONTROL_H
#define GANTRY_CONTROL_H

#include <stddef.h>

#define CONTROL_ANSWER 2600

// Performs `op` with the request line's arguments; writes the answer with its newline.
//   start, state, control (answers as state), wait (only when stopped), resize, close_stdin, reopen_log, signal, ack, release; made and ended of remote.h
void control_answer(const char *op, const char *line, char *out, size_t cap);

// {"event":"exit","exit_code":N,"exited_at":"…","oom":bool}
void control_exit_event(char *out, size_t cap);

#endif
