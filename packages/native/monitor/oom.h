// Out-of-memory kills in the task's cgroup: v1 by an eventfd on memory.oom_control, v2 by memory.events.
#ifndef GANTRY_OOM_H
#define GANTRY_OOM_H

// Begins to watch; a host without the file is left alone.
void oom_watch(const char *directory, int version);

// Reads the counter now, so that an exit is never told before the kill that caused it.
void oom_check(void);

#endif
