// A logging binary (binary:// stdio, containerd's protocol): it reads stdout from descriptor 3 and stderr from 4, and closes 5 when it is ready.
#ifndef GANTRY_LOGGER_H
#define GANTRY_LOGGER_H

#include <stdbool.h>

#include "base/wire.h"

// Runs the command of the field `logger` with the environment `logger_env` and nothing else, and waits until it is ready. pipes are the write
// ends of its descriptors 3 and 4, non-blocking. It leaves by itself when they are closed. 0, or -1 with errno and *what.
int logger_start(const struct frame *frame, int pipes[2], const char **what);

#endif
