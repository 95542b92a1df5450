// The files of a log: path, path.1, path.2, …, the newest first; packed ones are path.1.gz, …
#ifndef GANTRY_ROTATION_H
#define GANTRY_ROTATION_H

#include <stdbool.h>

#include "monitor/logfile.h"

// All lines of path.<index> (0: path itself) were passed on, or are for nobody else, or there is no such file.
bool rotation_passed(const struct logfile *lf, int index);

// The oldest file may be taken away and the others renamed now: it was passed on, if lines must not be lost, and nobody compresses one of them.
bool rotation_may(struct logfile *lf);

// Where lines are for somebody else, path.numbers tells how many there were before each file's first: whoever finds files missing knows how many lines
// went with them. A row a file, the newest last: the time of its first line, and the number.

// How many lines the first `size` bytes of the newest file have.
uint64_t rotation_count(const struct logfile *lf, int64_t size);

// What path.numbers says of the newest file; 0: nothing.
uint64_t rotation_before(const struct logfile *lf);

// Says it of a new file, whose first line will have that time.
void rotation_number(const struct logfile *lf, const char *time, uint64_t before);

// Takes the oldest away and renames the others. There is no file path afterwards.
void rotation_rename(const struct logfile *lf);

// Begins to compress what may be compressed, in a process of its own.
void rotation_pack(struct logfile *lf);

#endif
