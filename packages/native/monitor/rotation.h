// The files of a log: path, path.1, path.2, …, the newest first; packed ones are path.1.gz, …
#ifndef GANTRY_ROTATION_H
#define GANTRY_ROTATION_H

#include <stdbool.h>

#include "monitor/logfile.h"

// All lines of path.<index> (0: path itself) were passed on, or are for nobody else, or there is no such file.
bool rotation_passed(const struct logfile *lf, int index);

// The oldest file may be taken away and the others renamed now: it was passed on, if lines must not be lost, and nobody compresses one of them.
bool rotation_may(struct logfile *lf);

// Takes the oldest away and renames the others. There is no file path afterwards.
void rotation_rename(const struct logfile *lf);

// Begins to compress what may be compressed, in a process of its own.
void rotation_pack(struct logfile *lf);

#endif
