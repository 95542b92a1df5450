// The two files by which a restarted shim rebuilds itself, in the task's run directory:
//
//   monitor.json  {"pid","start_time","monitor_pid","monitor_start_time","socket","acknowledged","started"}; written
//                 before the process is cloned (pid 0) and changed in place, padded with blanks to one size
//   exit.json     {"exit_code","exited_at","oom","log_dropped"}; written beside and renamed, before the exit is reported
#ifndef GANTRY_STATEFILE_H
#define GANTRY_STATEFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct monitor_state {
	pid_t pid;
	uint64_t start_time; // field 22 of /proc/<pid>/stat
	bool acknowledged, started;
};

// Both return 0, or -1 with errno.
int statefile_write(const char *dir, const char *socket, const struct monitor_state *state);
int statefile_exit(const char *dir, int exit_code, const char *exited_at, bool oom, uint64_t log_dropped);

// Field 22 of /proc/<pid>/stat, 0 when there is no such process.
uint64_t statefile_start_time(pid_t pid);

#endif
