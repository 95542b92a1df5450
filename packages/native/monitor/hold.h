// The end of a process whose client has left: what a terminal's hang-up does, and then by force.
#ifndef GANTRY_HOLD_H
#define GANTRY_HOLD_H

#include <stdint.h>

// A client with which the process is to end is gone. One that was not started yet is killed at once. Repeated: no change.
void hold_left(void);

// When to look again, as loop_now(); INT64_MAX: never.
int64_t hold_due(void);

// Kills what the hang-up did not end in its time.
void hold_turn(int64_t now);

#endif
